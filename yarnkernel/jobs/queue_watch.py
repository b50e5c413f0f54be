"""Polls a batch system seldom, once for all kernels of a user in all processes.

Sites ask for at least a minute between two queries, and block users who ask every few seconds. A
kernel that is ready reports that itself; the scheduler is asked why jobs wait and whether they
died.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.errors import YarnKernelError, summary
from yarnkernel.jobs.scheduler import JobPhase, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnkernel.completed import Completed
    from yarnkernel.jobs.scheduler import Scheduler
    from yarnkernel.jobs.shared_answer import SharedAnswer

#: Seconds between two queries: at least, ...
SHORTEST = 10.0
#: ... and at most, ...
LONGEST = 60.0
#: ... growing by this factor while the answers stay the same.
GROWTH = 1.5
#: Answers that have to agree on a job's end. A queue may temporarily not list a job that is moved
#: or started again, or whose server has been restarted from saved state.
AGREEING = 2


#: Seconds after which a queue is certain to list a job.
SETTLED = 60.0


@dataclass
class _Watched:
    """What is known of one job.

    Attributes
    ----------
    since : float
        When it was submitted: answers to earlier queries do not count.
    latest : JobStatus or None
        Its status in the last answer.
    missing : int
        Consecutive answers that say that it is gone.
    """

    since: float
    latest: JobStatus | None = None
    missing: int = 0

    @property
    def final(self) -> bool:
        return self.latest is not None and self.latest.phase is JobPhase.ENDED


class QueueWatch:
    """The status of a user's jobs, for which the scheduler is asked as seldom as possible.

    Threads may share it: one of them asks, the others get what is already known.

    Parameters
    ----------
    scheduler : Scheduler
        The scheduler.
    run : callable
        Runs a command line of sh on the scheduler's host, with its own deadline.
    shared : SharedAnswer, optional
        The last answer that any of the user's processes got.
    log_tail : callable, optional
        Returns the end of a job's log, by the job's id.
    clock : callable, optional
        A monotonic clock, in seconds.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        run: Callable[[str], Completed],
        *,
        shared: SharedAnswer | None = None,
        log_tail: Callable[[str], str] = lambda _: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._run = run
        self._shared = shared
        self._log_tail = log_tail
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, _Watched] = {}
        self._interval = SHORTEST
        self._asked = float("-inf")
        #: When the last query was made, and its answer.
        self._last: tuple[float, Mapping[str, JobStatus]] = (float("-inf"), {})
        self._asking = False
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last query got no answer; empty if it got one."""
        return self._trouble

    def status(self, job_id: str, *, age: float = 0.0) -> JobStatus | None:
        """Return what is known of a job, and query the scheduler if it is time to.

        Parameters
        ----------
        job_id : str
            Its id.
        age : float, optional
            Seconds since its submission: for an old job a single answer is enough, as commands do
            not run long enough for a second one.

        Returns
        -------
        JobStatus or None
            None before the first answer that counts. The phase is ``UNKNOWN`` while the scheduler
            does not answer, and while only one answer says that the job is gone.
        """
        with self._lock:
            now = self._clock()
            is_new = job_id not in self._jobs
            if is_new:
                settled = AGREEING - 1 if age > SETTLED else 0
                self._jobs[job_id] = _Watched(now - age, missing=settled)
                self._interval = SHORTEST
            job = self._jobs[job_id]
            due = now - self._asked >= self._interval and not job.final and not self._asking
            if due:
                self._asking = True
                self._asked = now
        if due:
            try:
                self._ask(now)
            finally:
                with self._lock:
                    self._asking = False
        elif is_new:
            self._use_last(job_id, job)
        with self._lock:
            if self._trouble and not job.final:
                state = job.latest.state if job.latest else ""
                return JobStatus(job_id, state, JobPhase.UNKNOWN, f"unknown: {self._trouble}")
            return job.latest

    def _use_last(self, job_id: str, job: _Watched) -> None:
        """Judge a job by the last answer when it is asked for the first time."""
        asked, statuses = self._last
        if job.since < asked:
            with contextlib.suppress(YarnKernelError, OSError):
                job.latest, job.missing = self._judge(job_id, job, statuses)

    def forget(self, job_id: str) -> None:
        """Stop watching a job."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def _answer(self) -> tuple[Completed, float]:
        """Return the latest answer, and the seconds since its query."""

        def ask() -> Completed:
            return self._run(self._scheduler.query())

        if self._shared is None:
            return ask(), 0.0
        return self._shared.get(ask, self._interval, LONGEST)

    def _ask(self, now: float) -> None:
        """Query once, and look up how jobs that are gone have ended."""
        open_jobs: list[tuple[str, _Watched]] = []
        try:
            answer, age = self._answer()
            with self._lock:
                self._asked = now - age
                open_jobs += [
                    (job_id, job)
                    for job_id, job in self._jobs.items()
                    if not job.final and job.since <= now - age
                ]
            statuses = self._scheduler.statuses(answer)
            self._last = (now - age, statuses)
            found = {job_id: self._judge(job_id, job, statuses) for job_id, job in open_jobs}
        except (YarnKernelError, OSError) as exc:
            with self._lock:
                self._trouble = summary(exc)
                self._interval = min(LONGEST, self._interval * GROWTH)
            return
        with self._lock:
            changed = bool(self._trouble) or any(
                found[job_id] != (job.latest, job.missing) for job_id, job in open_jobs
            )
            self._trouble = ""
            if changed or not open_jobs:
                self._interval = SHORTEST
            else:
                self._interval = min(LONGEST, self._interval * GROWTH)
            for job_id, job in open_jobs:
                job.latest, job.missing = found[job_id]

    def _judge(
        self, job_id: str, job: _Watched, statuses: Mapping[str, JobStatus]
    ) -> tuple[JobStatus, int]:
        """Return a job's status in an answer, and how many consecutive answers say it is gone."""
        listed = statuses.get(job_id)
        if listed and listed.phase is not JobPhase.ENDED:
            return listed, 0
        looked_back = self._run(self._scheduler.look_back(job_id))
        ended = self._scheduler.ended(job_id, looked_back, self._log_tail(job_id))
        if ended:
            return ended, AGREEING
        missing = job.missing + 1
        if missing < AGREEING:
            text = "the queue does not have it any more"
            return JobStatus(
                job_id, listed.state if listed else "", JobPhase.UNKNOWN, text
            ), missing
        if listed:
            return listed, missing
        text = "it is gone, and the scheduler does not tell how it ended"
        return JobStatus(job_id, "", JobPhase.ENDED, text), missing
