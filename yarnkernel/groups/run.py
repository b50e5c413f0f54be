"""Runs code on several targets: one loop reads their messages, in the thread that waits."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import zmq

from yarnkernel.errors import YarnKernelError, summary
from yarnkernel.groups.results import GroupResult
from yarnkernel.groups.waits import Pending
from yarnkernel.kernels.async_kernel import INTERRUPT_TIMEOUT
from yarnkernel.kernels.results import ExecutionTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from yarnkernel.groups.job import Job
    from yarnkernel.groups.waits import Wait
    from yarnkernel.kernels.results import Output

#: Seconds to poll for messages; a start, an interrupt and a death are noticed after that.
LOOK = 0.05


class LeftRunningError(YarnKernelError):
    """The wait ended before the targets, which keep running.

    Parameters
    ----------
    who : str
        Those that keep running, and the verb.
    """

    def __init__(self, who: str) -> None:
        super().__init__(f"{who} still running; next: wait() again, or interrupt()")
        self.who = who

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows."""
        return [f"{type(self).__name__}: {self}"]


@contextlib.contextmanager
def _counted_interrupts() -> Iterator[Callable[[], int]]:
    """Count Ctrl-C in the body of the with statement instead of raising KeyboardInterrupt."""
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: count
    finally:
        signal.signal(signal.SIGINT, before)


class Run:
    """Code that runs on several targets.

    Nothing is read while nobody waits, and nothing is lost: messages are kept until :meth:`wait` or
    :attr:`outputs` reads them. For use only by the thread that began it.

    Parameters
    ----------
    jobs : sequence of Job
        One for each target.
    timeout : float, optional
        Seconds after which the code is interrupted; only checked while somebody waits.

    Attributes
    ----------
    jobs : sequence of Job
        One for each target.
    was_interrupted : bool
        Whether Ctrl-C interrupted it.
    """

    def __init__(self, jobs: Sequence[Job], timeout: float | None = None) -> None:
        self.jobs = jobs
        self._timeout = timeout
        self._began = time.monotonic()
        self._interrupts: dict[str, Wait] = {}
        self._late = False
        self.was_interrupted = False
        self.advance()

    def __repr__(self) -> str:
        states = ", ".join(f"{job.label} {'is done' if job.done else 'runs'}" for job in self.jobs)
        return f"<yarnkernel run: {states}>"

    @property
    def done(self) -> bool:
        """Whether all targets were done at the last check."""
        return all(job.done for job in self.jobs)

    @property
    def running(self) -> list[Job]:
        """The jobs that are not done."""
        return [job for job in self.jobs if not job.done]

    @property
    def outputs(self) -> Mapping[str, tuple[Output, ...]]:
        """The outputs so far, by the targets' names."""
        self.look(0.0)
        return {job.label: job.outputs.all for job in self.jobs}

    def advance(self) -> None:
        """Let each target continue as far as it can."""
        for job in self.jobs:
            job.target.tend()
            job.advance()

    def look(self, seconds: float = LOOK) -> None:
        """Process the targets' messages for some time."""
        poller = zmq.Poller()
        targets = [job.target for job in self.running]
        for target in targets:
            for socket in target.sockets:
                poller.register(socket, zmq.POLLIN)
        if poller.sockets:
            poller.poll(int(seconds * 1000))
        else:
            time.sleep(seconds)
        for target in targets:
            target.read()
        self.advance()
        self._see_to_interrupts()

    def begin(self, each_look: Callable[[Run], object] = lambda _: None) -> None:
        """Wait until each kernel has started and received the code; Ctrl-C cancels that."""
        with _counted_interrupts() as count:
            while not all(job.has_begun for job in self.jobs):
                self.look()
                each_look(self)
                if count() and not self.was_interrupted:
                    self.was_interrupted = True
                    self.interrupt()

    def wait(
        self,
        timeout: float | None = None,
        *,
        each_look: Callable[[Run], object] = lambda _: None,
    ) -> GroupResult:
        """Wait for all targets.

        Ctrl-C interrupts those that are still running, and waits for them; a second one leaves them
        running.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait, after which the targets keep running.
        each_look : callable, optional
            Called many times a second.

        Raises
        ------
        LeftRunningError
            When they were left running.
        ExecutionTimeoutError
            When the code took too long, and was interrupted.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self.was_interrupted = False
        with _counted_interrupts() as count:
            while not self.done:
                self.look()
                each_look(self)
                if count() and not self.was_interrupted:
                    self.was_interrupted = True
                    self.interrupt()
                if count() > 1 or (end is not None and time.monotonic() > end):
                    raise LeftRunningError(self._labels())
                self._look_at_time()
        if self._late:
            raise ExecutionTimeoutError(
                f"the code took longer than {self._timeout:g} s, and was interrupted"
            )
        return self.result()

    def _labels(self) -> str:
        labels = [job.label for job in self.running]
        return f"{', '.join(labels)} {'is' if len(labels) == 1 else 'are'}"

    def _look_at_time(self) -> None:
        if self._timeout is None or self.done:
            return
        over = time.monotonic() - self._began - self._timeout
        if over > 0 and not self._late:
            self._late = True
            self.interrupt()
        if over > INTERRUPT_TIMEOUT:
            raise ExecutionTimeoutError(
                f"the code took longer than {self._timeout:g} s; {self._labels()} still running, "
                "as what they do does not heed an interrupt; next: restart"
            )

    def result(self) -> GroupResult:
        """Return the results so far, which are complete after :meth:`wait`."""
        self.look(0.0)
        return GroupResult({job.label: job.result for job in self.jobs})

    def interrupt(self) -> None:
        """Interrupt the targets that are still running, and do not wait for them."""
        for job in self.running:
            job.listener.tell(job, "is interrupted")
            wait = job.interrupt()
            if wait is not None:
                self._interrupts[job.label] = wait

    def _see_to_interrupts(self) -> None:
        """Report interrupts that failed or were ignored."""
        for job in self.jobs:
            wait: Any = self._interrupts.get(job.label)
            if not isinstance(wait, Pending) or not wait.done:
                continue
            del self._interrupts[job.label]
            try:
                _ = wait.answer
            except YarnKernelError as exc:
                if not job.done:
                    job.listener.tell(job, summary(exc))
