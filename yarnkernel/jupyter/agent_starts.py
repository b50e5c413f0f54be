"""The starts that an agent carries out, each of which may be cancelled at any time."""

from __future__ import annotations

import collections
import contextlib
import threading
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Completed starts that can still be cancelled, as the front end may not know of their end yet.
KEPT = 1000


class Starts:
    """Starts by the numbers of their requests; thread-safe.

    A start that is cancelled before it begins does not begin, one under way is cut short and cannot
    be completed, and for one that was completed the application's id is returned.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadlines: dict[int, Deadline] = {}
        self._completed: dict[int, str] = {}
        #: Those that are over, oldest first.
        self._over: collections.deque[int] = collections.deque()
        self._closed = False

    @contextlib.contextmanager
    def begun(self, number: int, deadline: Deadline) -> Iterator[None]:
        """Begin a start, which the body of the with statement carries out.

        Parameters
        ----------
        number : int
            The number of its request.
        deadline : Deadline
            The start's deadline; it passes when the start is cancelled.

        Raises
        ------
        YarnKernelError
            When it was cancelled before, or the body fails after it was cancelled.
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
        """Record the application of a start: from now on, to cancel the start is to end that.

        Raises
        ------
        YarnKernelError
            When it has been cancelled.
        """
        with self._lock:
            if self._deadlines[number].given_up:
                raise _given_up()
            self._completed[number] = app_id

    def give_up(self, number: int) -> str:
        """Cancel a start; return the application's id if it was already completed, else ""."""
        with self._lock:
            if number not in self._completed:
                self._deadlines.setdefault(number, Deadline(0.0)).cut_short()
            return self._completed.get(number, "")

    def give_up_all(self) -> None:
        """Cancel all starts that are under way or still to come."""
        with self._lock:
            self._closed = True
            for deadline in self._deadlines.values():
                deadline.cut_short()


def _given_up() -> YarnKernelError:
    return YarnKernelError("the start was given up")
