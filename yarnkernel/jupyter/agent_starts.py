"""The starts that an agent carries out, each of which may be given up at any moment."""

from __future__ import annotations

import collections
import contextlib
import threading
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Starts that are over and may be given up all the same: the front end may not know yet.
KEPT = 1000


class Starts:
    """Starts by the numbers of their requests; for several threads at once.

    One that is given up before it begins does not begin, one under way is cut
    short and cannot be completed, and of one that was completed the application
    is named.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[int, Deadline] = {}
        self._completed: dict[int, str] = {}
        #: Those that are over, the oldest first.
        self._over: collections.deque[int] = collections.deque()
        self._closed = False

    @contextlib.contextmanager
    def begun(self, number: int, deadline: Deadline) -> Iterator[None]:
        """Begin a start, which the body carries out.

        Parameters
        ----------
        number : int
            Of its request.
        deadline : Deadline
            Of the start; passes when it is given up.

        Raises
        ------
        YarnKernelError
            When it was given up before, or is while the body fails.
        """
        with self._lock:
            earlier = self._deadlines.setdefault(number, deadline)
            if self._closed or earlier.given_up:
                raise _given_up()
        try:
            yield
        except YarnKernelError:
            if deadline.given_up:
                raise _given_up() from None
            raise
        finally:
            self._forget_old(number)

    def _forget_old(self, number: int) -> None:
        with self._lock:
            self._over.append(number)
            while len(self._over) > KEPT:
                old = self._over.popleft()
                self._deadlines.pop(old, None)
                self._completed.pop(old, None)

    def complete(self, number: int, app_id: str) -> None:
        """Note what a start has started: to give it up is from now on to end that.

        Raises
        ------
        YarnKernelError
            When it was given up before.
        """
        with self._lock:
            if self._deadlines[number].given_up:
                raise _given_up()
            self._completed[number] = app_id

    def give_up(self, number: int) -> str:
        """Give a start up; return the id of the application when it was completed before."""
        with self._lock:
            if number not in self._completed:
                self._deadlines.setdefault(number, Deadline(0.0)).cut_short()
            return self._completed.get(number, "")

    def give_up_all(self) -> None:
        """Give up those that are under way, and all to come."""
        with self._lock:
            self._closed = True
            for deadline in self._deadlines.values():
                deadline.cut_short()


def _given_up() -> YarnKernelError:
    return YarnKernelError("the start was given up")
