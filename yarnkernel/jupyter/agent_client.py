"""The front end's side of the agent: requests that do not block, and news of kernels.

One agent serves all kernels of a process. It is started with the first kernel, and again if it has
ended; after a fork it stays with the parent process.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import concurrent.futures
import contextlib
import itertools
import logging
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from yarnkernel.errors import YarnKernelError
from yarnkernel.jupyter.line_pipe import LinePipe
from yarnkernel.jupyter.messages import EndNews, Failed, KernelNews, Release, decode, encode
from yarnkernel.progress import Progress
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.jupyter.messages import Message, News, Request
    from yarnkernel.progress import Report

_log = logging.getLogger(__name__)

#: Seconds for the agent itself on a busy host, in addition to what it is asked to do.
SLACK = 15.0
#: Seconds between two checks while requests are pending, and while none are.
TEND_INTERVAL, IDLE_INTERVAL = 1.0, 60.0
#: Seconds for its end after SIGKILL.
KILL_TIMEOUT = 10.0
#: Kernels whose news is kept before anybody listens, and messages kept of each.
EARLY_KEPT = 256
_A = TypeVar("_A")


class AgentError(YarnKernelError):
    """The agent answered with an error, or has ended.

    Parameters
    ----------
    message : str
        What it said.
    exit_code : int, default 1
        The exit code of the error that it stands for.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class _Request:
    answer: concurrent.futures.Future[Any]
    due: float
    report: Report | None


class AgentClient:
    """A running agent.

    Attributes
    ----------
    ended : bool
        Whether it has ended; :meth:`shared` then starts another one.
    """

    _shared: AgentClient | None = None
    _sharing = threading.Lock()

    def __init__(self) -> None:
        self.ended = False
        self._numbers = itertools.count(1)
        self._requests: dict[int, _Request] = {}
        self._listeners: dict[str, Callable[[News], None]] = {}
        #: News of kernels that have no listener yet.
        self._early: dict[str, collections.deque[News]] = {}
        self._process = subprocess.Popen(
            python_command("yarnkernel.jupyter.agent"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # gRPC would log a line for each refused connection.
            env={"GRPC_VERBOSITY": "NONE", **os.environ},
            # A Ctrl-C in the front end's terminal is not meant for it.
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101  (a pipe)
        self._pipe = LinePipe(self._process.stdin.fileno())
        self._news = threading.Condition()
        self._ending_at_exit: set[str] = set()
        atexit.register(self._leave, os.getpid())
        # A thread, because each kernel of a process may have its own event loop.
        self._reader = threading.Thread(target=self._read, name="yarnkernel agent", daemon=True)
        self._reader.start()
        # Started now because no thread can be started at the interpreter's exit.
        threading.Thread(target=self._tend, name="yarnkernel requests", daemon=True).start()

    @classmethod
    def shared(cls) -> AgentClient:
        """Return this process's agent, and start it if necessary.

        Raises
        ------
        OSError
            When it cannot be started.
        """
        with cls._sharing:
            if cls._shared is None or cls._shared.ended:
                cls._shared = cls()
            return cls._shared

    @classmethod
    def forget(cls) -> None:
        """Leave the agent to the parent process after a fork: it ends when all its writers have."""
        agent, cls._shared, cls._sharing = cls._shared, None, threading.Lock()
        if agent is not None:
            agent._let_go()  # noqa: SLF001  (one of this class)

    def _let_go(self) -> None:
        self.ended = True
        self._requests, self._news = {}, threading.Condition()
        with open(os.devnull, "r+b") as nowhere:  # noqa: PTH123  (a file descriptor)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:  # not closed, as its number may be reused before it is freed
                    os.dup2(nowhere.fileno(), pipe.fileno())
        assert self._process.stdin is not None  # noqa: S101  (a pipe)
        self._pipe = LinePipe(self._process.stdin.fileno())  # whose lock no thread here holds

    def end_at_exit(self, kernel: str) -> None:
        """End a kernel when this process exits normally, even one that is to be kept."""
        self._ending_at_exit.add(kernel)

    def _leave(self, pid: int) -> None:
        if self.ended or os.getpid() != pid:
            return
        with contextlib.suppress(OSError, ValueError):
            self._pipe.send(encode(Release(sorted(self._ending_at_exit)), next(self._numbers)))
            self._pipe.pass_on(TEND_INTERVAL)

    def listen(self, kernel: str, listener: Callable[[News], None] | None) -> None:
        """Report news of a kernel to ``listener``, in another thread; None stops that."""
        early = self._early.pop(kernel, ())
        if listener is None:
            self._listeners.pop(kernel, None)
            self._ending_at_exit.discard(kernel)
            return
        self._listeners[kernel] = listener
        for news in early:
            listener(news)

    def request(
        self, request: Request[_A], patience: float, report: Report | None = None
    ) -> tuple[int, concurrent.futures.Future[_A]]:
        """Send a request and do not wait for the answer.

        Parameters
        ----------
        request : Request
            The request; see :mod:`yarnkernel.jupyter.messages`.
        patience : float
            The most seconds that it takes. An agent that has not answered by then, and for a while
            after, hangs: it is killed, and the next request starts another one.
        report : callable, optional
            Called in another thread with each change of state.

        Returns
        -------
        int
            The request's number.
        concurrent.futures.Future
            The answer, or an :class:`AgentError`.
        """
        number = next(self._numbers)
        answer: concurrent.futures.Future[_A] = concurrent.futures.Future()
        self._requests[number] = _Request(answer, time.monotonic() + patience + SLACK, report)
        try:
            self._pipe.send(encode(request, number))
        except (OSError, ValueError):
            self._fail_all()
        with self._news:
            self._news.notify_all()
        if self.ended:  # in the meantime
            self._fail_all()
        return number, answer

    async def ask(self, request: Request[_A], patience: float) -> _A:
        """Send a request and wait for the answer, in any event loop.

        Raises
        ------
        AgentError
            When it cannot be done, or the agent has ended.
        """
        return await asyncio.wrap_future(self.request(request, patience)[1])

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  (a pipe)
        try:
            with contextlib.suppress(OSError, ValueError):
                for line in self._process.stdout:
                    self._take(line)
        finally:
            # Whatever the reason, no news of any kernel would arrive any more.
            self._fail_all()
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_TIMEOUT)
            self._close_pipes()

    def _tend(self) -> None:
        """Send what the agent has not read yet, and kill it if it does not answer."""
        while not self.ended:
            try:
                if self._pipe.is_full:
                    self._pipe.pass_on(TEND_INTERVAL)
                else:
                    with self._news:
                        self._news.wait(TEND_INTERVAL if self._requests else IDLE_INTERVAL)
            except (OSError, ValueError):
                return  # the reader notices the end too
            now = time.monotonic()
            if any(request.due < now for request in list(self._requests.values())):
                _log.error("yarnkernel.jupyter.agent hangs: another one takes its place")
                self._process.kill()
                return

    def _close_pipes(self) -> None:
        self._pipe.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def close(self, timeout: float) -> None:
        """End the agent, and so what is not to be kept, before the end of this process.

        Parameters
        ----------
        timeout : float
            Seconds to wait for its end.
        """
        assert self._process.stdin is not None  # noqa: S101  (a pipe)
        self.ended = True
        deadline = time.monotonic() + timeout
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            while self._pipe.is_full and time.monotonic() < deadline:
                self._pipe.pass_on(TEND_INTERVAL)
            self._pipe.close()
            self._process.stdin.close()
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._reader.join(timeout)

    def _take(self, line: bytes) -> None:
        """Process a message; an error in one kernel's must not affect other kernels."""
        try:
            number, message = decode(line)
            if isinstance(message, (KernelNews, EndNews)):
                self._take_news(message)
            elif isinstance(message, Progress):
                request = self._requests.get(number or 0)
                if request is not None and request.report is not None:
                    request.report(message)
            else:
                self._take_answer(number or 0, message)
        except Exception:  # noqa: BLE001  (a listener is whoever's)
            _log.exception("a message of yarnkernel.jupyter.agent is left out")

    def _take_news(self, message: News) -> None:
        if listener := self._listeners.get(message.kernel):
            listener(message)
            return
        early = self._early.setdefault(message.kernel, collections.deque(maxlen=EARLY_KEPT))
        early.append(message)
        if len(self._early) > EARLY_KEPT:
            self._early.pop(next(iter(self._early)), None)

    def _take_answer(self, number: int, message: Message) -> None:
        request = self._requests.pop(number, None)
        if request is None or not request.answer.set_running_or_notify_cancel():
            return
        if isinstance(message, Failed):
            request.answer.set_exception(AgentError(message.problem, message.exit_code))
        else:
            request.answer.set_result(message)

    def _fail_all(self) -> None:
        self.ended = True
        while self._requests:
            with contextlib.suppress(KeyError, concurrent.futures.InvalidStateError):
                _, request = self._requests.popitem()
                if request.answer.set_running_or_notify_cancel():
                    request.answer.set_exception(
                        AgentError(
                            "yarnkernel.jupyter.agent, which talks to the cluster, has ended"
                        )
                    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=AgentClient.forget)
