"""How an agent ends applications: it tries until it is done, whether or not anybody waits."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.errors import ApplicationError, ApplicationNotFoundError, YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.deadline import Deadline

#: Seconds between two tries: at first, and at most.
RETRY_INTERVAL, LONGEST_INTERVAL = 1.0, 30.0
#: Refusals by YARN after which it is not asked again.
REFUSALS = 10


@dataclass
class _End:
    done: threading.Event = field(default_factory=threading.Event)
    #: The outcome so far.
    outcome: str = ""
    problem: str = ""
    #: The ApplicationMaster has been asked, or it is over: callers need not wait any longer.
    in_hand: threading.Event = field(default_factory=threading.Event)


class Ends:
    """Ends applications; thread-safe.

    Parameters
    ----------
    end : callable
        Ends an application that does not end by itself in these seconds, and returns its outcome.
    ask_master : callable
        Asks its ApplicationMaster, without YARN, to end it; returns whether that was accepted.
    """

    def __init__(self, end: Callable[[str, float], str], ask_master: Callable[[str], bool]) -> None:
        self._end = end
        self._ask_master = ask_master
        self._lock = threading.Lock()
        self._ends: dict[str, _End] = {}

    def see_to(self, app_id: str, grace: float, patience: float) -> str:
        """Make sure that an application ends, now or later.

        Parameters
        ----------
        app_id : str
            Its id.
        grace : float
            Seconds for it to end by itself.
        patience : float
            Seconds to wait for its end.

        Returns
        -------
        str
            Its outcome, or who has been asked to end it.

        Raises
        ------
        YarnKernelError
            When it has not ended; further tries follow nevertheless.
        """
        with self._lock:
            end = self._ends.get(app_id)
            if end is None:
                end = _End()
                # The caller gets the error when no thread can be started.
                threading.Thread(target=self._run, args=(app_id, grace, end), daemon=True).start()
                self._ends[app_id] = end
        end.in_hand.wait(patience)
        if end.done.is_set() and end.problem:
            raise YarnKernelError(end.problem)
        if end.outcome:
            return end.outcome
        problem = end.problem or f"it has not ended within {patience:.0f} s"
        raise YarnKernelError(f"{problem}; it is tried again while this front end runs")

    def await_all(self, deadline: Deadline) -> None:
        """Wait for the ends that are under way."""
        for end in list(self._ends.values()):
            end.done.wait(deadline.remaining)

    def _run(self, app_id: str, grace: float, end: _End) -> None:
        interval, refusals, asked = RETRY_INTERVAL, 0, False
        while not end.done.is_set():
            try:
                end.outcome = self._end(app_id, grace)
                end.problem = ""
                end.done.set()
            except ApplicationNotFoundError:
                end.outcome = "is no longer known at its place"
                end.done.set()
            except Exception as exc:  # noqa: BLE001  (whatever it is, it has not ended)
                end.problem = str(exc) if isinstance(exc, YarnKernelError) else repr(exc)
                refusals += isinstance(exc, ApplicationError)
                if refusals >= REFUSALS:
                    end.done.set()
                elif not asked and self._asks(app_id):
                    asked = True
                    end.outcome = "its supervisor was asked to end, as its place does not answer"
                    end.in_hand.set()
            if not end.done.wait(interval):
                interval = min(interval * 2, LONGEST_INTERVAL)
        end.in_hand.set()
        with self._lock:
            del self._ends[app_id]

    def _asks(self, app_id: str) -> bool:
        with contextlib.suppress(YarnKernelError):
            return self._ask_master(app_id)
        return False
