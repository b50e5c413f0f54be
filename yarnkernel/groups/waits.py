"""What a step of work waits for: a kernel's answer, a thread or a time."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnkernel.groups.channels import Message
    from yarnkernel.kernels.results import CellError

#: Seconds without a message after a kernel's reply to wait for its idle status, as broadcasts may
#: be lost.
IDLE_TIMEOUT = 30.0


class Wait(Protocol):
    """Something to wait for."""

    @property
    def done(self) -> bool:
        """Whether it is done."""


class Request:
    """A request to a kernel: done when it has replied and is idle, or after a timeout.

    A kernel replies on one channel and sends outputs on another: either may come first.

    Parameters
    ----------
    hear : callable
        Called with each message about it that is neither its reply nor the kernel's state.
    patience : float, optional
        Seconds after which the wait ends. By default there is no limit.

    Attributes
    ----------
    reply : dict or None
        The kernel's reply.
    failure : CellError or None
        Why there is no reply.
    """

    def __init__(self, hear: Callable[[Message], None], patience: float = 0.0) -> None:
        self._hear = hear
        self._expires = time.monotonic() + patience if patience else None
        self._idle = False
        self._heard = 0.0
        self.reply: dict[str, Any] | None = None
        self.failure: CellError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all messages that belong to it have arrived."""
        return self.reply is not None and self._idle

    @property
    def done(self) -> bool:
        """See :class:`Wait`."""
        if self.is_complete or self.failure is not None:
            return True
        now = time.monotonic()
        if self.reply is not None and now > self._heard + IDLE_TIMEOUT:
            return True
        return self._expires is not None and now > self._expires

    @property
    def ok(self) -> bool:
        """Whether the kernel has carried it out."""
        return self.failure is None and self.reply is not None and self.reply.get("status") == "ok"

    def take(self, message: Message) -> None:
        """Process a message that belongs to it."""
        self._heard = time.monotonic()
        if message.channel == "shell":
            self.reply = message.content
        elif message.kind == "status":
            self._idle = self._idle or message.content.get("execution_state") == "idle"
        else:
            self._hear(message)

    def fail(self, error: CellError) -> None:
        """Note that nothing more will arrive."""
        if not self.is_complete:
            self.failure = self.failure or error


class Pending:
    """Work of another thread or process."""

    def __init__(self, future: concurrent.futures.Future[Any]) -> None:
        self.future = future

    @property
    def done(self) -> bool:
        """See :class:`Wait`."""
        return self.future.done()

    @property
    def answer(self) -> Any:
        """Its result; an error is raised."""
        return self.future.result(0)


class Pause:
    """A span of time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def done(self) -> bool:
        """See :class:`Wait`."""
        return time.monotonic() > self._end


def in_thread(work: Callable[[], Any]) -> Pending:
    """Let a thread do work that has its own deadline."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  (who waits gets it)
            future.set_exception(exc)

    threading.Thread(target=run, name="yarnkernel group", daemon=True).start()
    return Pending(future)
