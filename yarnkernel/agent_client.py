"""A front end's side of the agent: requests that block nobody, and news of kernels.

One agent serves all kernels of a process. It is started with the first one,
and again when it has ended; a process that forks leaves it to its parent.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import YarnKernelError
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Callable

#: What is told of a kernel or of its application; see :meth:`yarnkernel.agent.Agent.do_watch`.
News = dict[str, Any]


class AgentError(YarnKernelError):
    """The agent answered with an error, or has ended.

    Parameters
    ----------
    message : str
        What it said.
    exit_code : int, default 1
        As of the error that it stands for.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class AgentClient:
    """A running agent.

    Attributes
    ----------
    ended : bool
        Whether it has ended; :meth:`shared` then gives another one.
    """

    _shared: AgentClient | None = None
    _sharing = threading.Lock()

    def __init__(self) -> None:
        self.ended = False
        self._numbers = itertools.count()
        self._writing = threading.Lock()
        self._answers: dict[int, concurrent.futures.Future[Any]] = {}
        self._reports: dict[int, Callable[[str], None]] = {}
        self._listeners: dict[str, Callable[[News], None]] = {}
        #: News of kernels that nobody listens to yet.
        self._early: dict[str, list[News]] = {}
        self._process = subprocess.Popen(
            python_command("yarnkernel.agent"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # gRPC would write a line for each connection that is refused.
            env={"GRPC_VERBOSITY": "NONE", **os.environ},
            text=True,
            encoding="utf-8",
            bufsize=1,
            # A Ctrl-C in the front end's terminal is not meant for it.
            start_new_session=True,
        )
        # Not the event loop's business: each kernel of a process may have one of its own.
        self._reader = threading.Thread(target=self._read, name="yarnkernel agent", daemon=True)
        self._reader.start()

    @classmethod
    def shared(cls) -> AgentClient:
        """Return this process's agent, started if need be.

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
        """Leave the agent to our parent, after a fork: it ends when all its writers have."""
        agent, cls._shared, cls._sharing = cls._shared, None, threading.Lock()
        if agent is not None:
            agent._let_go()  # noqa: SLF001  (one of this class)

    def _let_go(self) -> None:
        self.ended = True
        self._answers, self._writing = {}, threading.Lock()
        with open(os.devnull, "r+b") as nowhere:  # noqa: PTH123  (a file descriptor)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:  # not closed: its number may be used again before it is freed
                    os.dup2(nowhere.fileno(), pipe.fileno())

    def listen(self, app_id: str, listener: Callable[[News], None] | None) -> None:
        """Have news of a kernel told to ``listener``, in another thread; None for no longer."""
        self._listeners[app_id] = listener or (lambda _: None)
        if listener is None:
            return
        for news in self._early.pop(app_id, []):
            listener(news)

    def request(
        self, method: str, report: Callable[[str], None] | None = None, /, **parameters: Any
    ) -> tuple[int, concurrent.futures.Future[Any]]:
        """Ask for something and do not wait.

        Parameters
        ----------
        method : str
            What; see the methods of :class:`yarnkernel.agent.Agent`.
        report : callable, optional
            Called in another thread with one line at each change of state.
        **parameters
            As that method takes them.

        Returns
        -------
        int
            The request's number.
        concurrent.futures.Future
            The answer, or an :class:`AgentError`.
        """
        number = next(self._numbers)
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._answers[number] = answer
        if report is not None:
            self._reports[number] = report
        line = json.dumps({"id": number, "method": method, "parameters": parameters})
        try:
            with self._writing:
                assert self._process.stdin is not None  # noqa: S101  (a pipe)
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        except (OSError, ValueError):
            self._fail_all()
        return number, answer

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Ask for something and wait for the answer, in whichever event loop.

        Raises
        ------
        AgentError
            When it cannot be done, or the agent has ended.
        """
        return await asyncio.wrap_future(self.request(method, **parameters)[1])

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  (a pipe)
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._take(json.loads(line))
        self._process.wait()
        self._fail_all()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what could not be written any more
                    pipe.close()

    def close(self, timeout: float) -> None:
        """End the agent, which ends what is not to be kept; for who cannot wait for our own end.

        Parameters
        ----------
        timeout : float
            Seconds to wait for its end.
        """
        assert self._process.stdin is not None  # noqa: S101  (a pipe)
        self.ended = True
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.stdin.close()
            self._process.wait(timeout)
        self._reader.join(timeout)

    def _take(self, message: dict[str, Any]) -> None:
        if "app_id" in message:
            if listener := self._listeners.get(message["app_id"]):
                listener(message)
            else:
                self._early.setdefault(message["app_id"], []).append(message)
        elif "progress" in message:
            if report := self._reports.get(message["id"]):
                report(message["progress"])
        else:
            self._reports.pop(message["id"], None)
            answer = self._answers.pop(message["id"], None)
            if answer is None or not answer.set_running_or_notify_cancel():
                return
            if "error" in message:
                answer.set_exception(AgentError(message["error"], message["exit_code"]))
            else:
                answer.set_result(message["result"])

    def _fail_all(self) -> None:
        self.ended = True
        while self._answers:
            with contextlib.suppress(KeyError):
                _, answer = self._answers.popitem()
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(
                        AgentError("yarnkernel.agent, which talks to the cluster, has ended")
                    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=AgentClient.forget)
