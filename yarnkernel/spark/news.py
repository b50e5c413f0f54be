"""Reports on Spark's application while it waits for its containers."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

    from .yarn import Report, Yarn

#: Seconds between two polls, and until an unchanged state is reported again.
INTERVAL, REPEATED = 1.0, 30.0
#: Seconds for YARN to kill an application.
KILL_TIMEOUT = 10.0


class News:
    """Reports on Spark's application while the body starts it.

    Parameters
    ----------
    yarn : Yarn
        The client, used in a thread of its own.
    began : float
        When the start began, by the monotonic clock.
    """

    def __init__(self, yarn: Yarn, began: float) -> None:
        self._yarn = yarn
        self._began = began
        self._over = threading.Event()
        self._last: Report | None = None
        self._said = ("", 0.0)
        # So that the thread's output appears in the cell.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), daemon=True)

    def __enter__(self) -> Self:
        before = self._yarn.newest()
        self._before = before.id if before is not None else ""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            found = self._yarn.newest()
            if found is not None and found.id != self._before and not self._over.is_set():
                self._last = found
                self._tell(found)

    def _tell(self, found: Report) -> None:
        if found.state == "RUNNING":
            return  # it will be ready in a moment
        reason = f": {found.reason}" if found.reason else ""
        text = f"Spark's application {found.id} is {found.state}{reason}"
        said, when = self._said
        if text != said or time.monotonic() - when > REPEATED:
            self._said = (text, time.monotonic())
            print(f"[{self._seconds:3.0f} s] {text}", flush=True)  # noqa: T201

    def tell_ready(self, context: Any) -> str:
        """Report that it is ready, with the address of its page.

        Returns
        -------
        str
            The application's id.
        """
        application = str(context.applicationId)
        found = self._yarn.report(application)
        self._yarn.close()
        where = f", {found.url}" if found is not None and found.url else ""
        text = f"Spark {context.version} is ready: {application}{where}"
        print(f"[{self._seconds:3.0f} s] {text}", flush=True)  # noqa: T201
        return application

    def tell_failure(self) -> None:
        """Report YARN's reason for an application that failed."""
        found = self._yarn.report(self._last.id) if self._last is not None else None
        if found is not None and found.ended:
            print(f"Spark's application {found.id} is {found.state}: {found.reason}", flush=True)  # noqa: T201

    def kill(self) -> None:
        """Kill the application while the JVM that can do so is there."""
        killing = threading.Thread(target=self._kill, daemon=True)
        killing.start()
        killing.join(KILL_TIMEOUT)

    def _kill(self) -> None:
        found = self._yarn.newest()
        if found is not None and found.id != self._before and not found.ended:
            self._yarn.kill(found.id)
