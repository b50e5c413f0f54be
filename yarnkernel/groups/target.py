"""A kernel to run code on: started when it is used, watched, restarted and ended."""

from __future__ import annotations

import collections
import os
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.groups import running
from yarnkernel.groups.doubt import Doubt
from yarnkernel.groups.talk import Talk
from yarnkernel.groups.waits import Pause, Pending, Request, Wait, in_thread
from yarnkernel.jupyter.agent_client import AgentClient
from yarnkernel.jupyter.kernel_manager import choose_keys
from yarnkernel.jupyter.messages import (
    Cancel,
    End,
    EndNews,
    Interrupt,
    Restart,
    Restarted,
    Start,
    Started,
    Watch,
)
from yarnkernel.kernels.async_kernel import INTERRUPT_TIMEOUT, RESTART_TIMEOUT
from yarnkernel.kernels.results import CellError
from yarnkernel.kernels.session import LAST_WORDS, READY_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import zmq

    from yarnkernel.connection import ConnectionInfo
    from yarnkernel.groups.channels import Message
    from yarnkernel.groups.origin import Origin
    from yarnkernel.jupyter.messages import News
    from yarnkernel.progress import Report

#: Seconds after which a kernel is asked again after connecting, as its first broadcasts may be
#: lost.
ASK_INTERVAL = 1.0
#: Seconds for a kernel to shut down, and for its application or job to end.
END_GRACE, END_TIMEOUT = 5.0, 45.0
_ENDED = "KernelEnded"
_DIED = CellError("KernelDied", "the kernel has died")
_LEFT = CellError("Disconnected", "nobody listens to the kernel any more")


class Target:
    """A kernel to run code on; for use by one thread only.

    Parameters
    ----------
    label : str
        Its name here.
    origin : Origin
        Where it comes from.

    Attributes
    ----------
    kernel : str
        The kernel's id; empty before it is started.
    language : str
        The kernel's language, in lower case except for R; empty before it is known.
    """

    def __init__(self, label: str, origin: Origin) -> None:
        self.label = label
        self.origin = origin
        self.kernel = ""
        self.language = ""
        self._info: ConnectionInfo = {}
        self._talk: Talk | None = None
        #: Filled in the thread that reads from the agent, emptied in the user's.
        self._news: collections.deque[News] = collections.deque()
        self._agent: AgentClient | None = None
        self._restarts = 0
        self._restarting = False
        self._failing: tuple[Pause, CellError] | None = None
        self._start: int | None = None
        self._doubt: Doubt | None = None
        #: How the last kernel ended, if that has not been reported yet.
        self._end = ""

    def __repr__(self) -> str:
        return f"<yarnkernel target {self.label}: {self.state}>"

    @property
    def state(self) -> str:
        """Its state, in words."""
        if self._end:
            return f"has ended: {self._end}"
        if not self.kernel:
            return "starts" if self._start is not None else "is not started"
        busy = self._talk is not None and self._talk.is_busy
        return f"{self.kernel} {'works' if busy else 'is ready'}"

    @property
    def is_own(self) -> bool:
        """Whether its kernel ends with this process."""
        return not (self.origin.kernel or self.origin.keep)

    @property
    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """The sockets to poll before :meth:`read`."""
        return self._talk.sockets if self._talk is not None else ()

    # --- steps of work, which yield what they wait for

    def open(self, tell: Callable[[str], object], report: Report) -> Generator[Wait, None, None]:
        """Make sure that there is a kernel that answers: start it or connect to it.

        Parameters
        ----------
        tell : callable
            Called with messages for the user.
        report : callable
            Called in another thread with the progress of a start.

        Raises
        ------
        YarnKernelError
            When there is no kernel that answers.
        """
        self.tend()
        if self._end:
            if self.origin.kernel:
                raise YarnKernelError(f"{self.origin.kernel} has ended: {self._end}")
            tell(f"{self.kernel or self.label} had ended ({self._end}): another one is started")
            self._forget()
        if not self.kernel:
            yield from self._connect() if self.origin.kernel else self._start_new(tell, report)
        elif self._agent is not None and self._agent.ended:
            self._watch()
        if self._talk is None:
            yield from self._ask_what_it_is()

    def _start_new(
        self, tell: Callable[[str], object], report: Report
    ) -> Generator[Wait, None, None]:
        options = self.origin.launch_options(self.label, tell)
        keep = self.origin.keep
        recipe_options = ["--prefer-directory", os.getcwd()]  # noqa: PTH109  (a string)
        if not keep:
            recipe_options.append("--owned")
        agent = AgentClient.shared()
        start = Start(options.to_dict(), recipe_options, choose_keys(None), keep)
        self._start, answer = agent.request(start, options.timeout + END_TIMEOUT, report)
        pending = Pending(answer)
        try:
            yield pending
            started: Started = pending.answer
        except BaseException:
            agent.request(Cancel(self._start), END_TIMEOUT)
            raise
        finally:
            self._start = None
        self.kernel, self._info = started.kernel, started.connection_info
        self._restarts = 0
        self._watch_by(agent)

    def _watch_by(self, agent: AgentClient) -> None:
        self._agent = agent
        agent.listen(self.kernel, self._news.append)

    def _watch(self) -> None:
        agent = AgentClient.shared()
        self._watch_by(agent)
        keep = self.origin.keep or bool(self.origin.kernel)
        agent.request(Watch(self.kernel, keep=keep), END_TIMEOUT)

    def _connect(self) -> Generator[Wait, None, None]:
        kernel = self.origin.kernel
        pending = in_thread(lambda: running.find(kernel))
        yield pending
        self._info, self._restarts = pending.answer
        self.kernel = kernel
        self._watch()

    def _ask_what_it_is(self) -> Generator[Wait, None, None]:
        self._talk = talk = Talk(self._info)
        deadline = Deadline(READY_TIMEOUT)
        while True:
            request = talk.ask("kernel_info_request", {}, patience=ASK_INTERVAL)
            yield request
            if request.failure is not None:
                raise YarnKernelError(str(request.failure))
            if request.is_complete:
                break
            if deadline.passed:
                self.disconnect()
                raise YarnKernelError(
                    f"{self.kernel} does not answer within {READY_TIMEOUT:.0f} s: it may be busy; "
                    f"next: yarnkernel status {self.kernel}"
                )
        language = str((request.reply or {}).get("language_info", {}).get("name", ""))
        self.language = language if language == "R" else language.lower()

    def restart(self) -> Generator[Wait, None, None]:
        """Restart its kernel in place, which breaks off running code.

        Raises
        ------
        YarnKernelError
            When it cannot be restarted.
        """
        self.tend()
        if self._end or not self.kernel:
            return  # the next use starts a new one
        self._restarting = True
        try:
            pending = self._ask_to_restart()
            yield pending
            answer = pending.answer
            self._restarts = answer.restarts if isinstance(answer, Restarted) else answer
        finally:
            self._restarting = False
        self.disconnect(CellError("KernelRestarted", "the kernel was restarted"))

    def _ask_to_restart(self) -> Pending:
        kernel = self.kernel
        if not self.origin.kernel:
            restart = Restart(kernel, self._restarts, RESTART_TIMEOUT)
            return Pending(AgentClient.shared().request(restart, RESTART_TIMEOUT)[1])

        return in_thread(lambda: running.restart(kernel))

    def stop(self) -> Generator[Wait, None, str]:
        """End its kernel, and return how it ended; the next use starts a new one.

        Raises
        ------
        YarnKernelError
            When it has not ended; further tries follow while this process runs.
        """
        self.give_up_start()
        if not self.kernel or self._end:
            self._forget()
            return ""
        if self._talk is not None:
            self._talk.ask_to_end()
        AgentClient.shared().listen(self.kernel, None)
        end = End(self.kernel, END_GRACE)
        pending = Pending(AgentClient.shared().request(end, END_GRACE + END_TIMEOUT)[1])
        yield pending
        self._forget()
        return str(pending.answer.outcome)

    # --- what does not wait

    def execute(
        self,
        code: str,
        hear: Callable[[Message], None],
        *,
        silent: bool = False,
        allow_stdin: bool = False,
        buffers: Sequence[memoryview] = (),
    ) -> Request:
        """Send code; see :class:`~yarnkernel.groups.waits.Request`."""
        if self._talk is None:  # it has just died
            request = Request(hear)
            request.fail(_DIED)
            return request
        return self._talk.execute(
            code, hear, silent=silent, allow_stdin=allow_stdin, buffers=buffers
        )

    def answer_input(self, message: Message, value: str) -> None:
        """Answer a kernel's question to its user."""
        if self._talk is not None:
            self._talk.answer_input(message, value)

    def interrupt(self) -> Pending | None:
        """Interrupt running code; return None if there is nothing to interrupt."""
        if not self.kernel or self._end:
            return None
        interrupt = Interrupt(self.kernel, INTERRUPT_TIMEOUT)
        return Pending(AgentClient.shared().request(interrupt, INTERRUPT_TIMEOUT)[1])

    def give_up_start(self) -> None:
        """Cancel a start that is under way, if there is one."""
        if self._start is not None:
            AgentClient.shared().request(Cancel(self._start), END_TIMEOUT)

    def read(self) -> None:
        """Process its kernel's messages."""
        if self._talk is not None:
            self._talk.read()

    def tend(self) -> None:
        """Process news of its kernel, and forget requests that are done."""
        while self._news:
            self._take(self._news.popleft())
        if self._talk is not None and self._talk.was_cut():
            self._doubt = Doubt(self.kernel)
        if self._doubt is not None and not self._end and (end := self._doubt.look()):
            self._has_ended(end)
        if self._failing is not None and self._failing[0].done:
            error, self._failing = self._failing[1], None
            self.disconnect(error)
        if self._talk is not None:
            self._talk.tidy()

    def _take(self, news: News) -> None:
        if self._restarting or news.kernel != self.kernel:
            return
        if isinstance(news, EndNews):
            end = f"{news.outcome} {news.diagnostics}".strip()
            self._has_ended(end or "its place lost it")
        elif news.state == "ended":
            self._has_ended(f"the kernel {news.last_end}")
        elif news.restarts > self._restarts:
            self._restarts = news.restarts
            text = f"the kernel {news.last_end}; it is another one now, without variables"
            self._will_fail(CellError("KernelDied", text))

    def _has_ended(self, how: str) -> None:
        if not self._end:
            self._end = how
            self._will_fail(CellError(_ENDED, f"{self.kernel} has ended: {how}"))

    def _will_fail(self, error: CellError) -> None:
        # The last outputs may still be on their way.
        self._failing = self._failing or (Pause(LAST_WORDS), error)

    def disconnect(self, why: CellError = _LEFT) -> None:
        """Close the connection; the next use opens it again."""
        if self._talk is not None:
            self._talk.fail(why)
            self._talk = None

    def _forget(self) -> None:
        if self.kernel:
            AgentClient.shared().listen(self.kernel, None)
        self.disconnect(CellError(_ENDED, "the kernel was stopped"))
        self.kernel, self._end, self._info = "", "", {}
        self._failing = self._doubt = None
        self._news.clear()
