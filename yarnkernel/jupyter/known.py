"""What a provisioner knows of its kernel: its supervisor's last report, and how it ended."""

from __future__ import annotations

import time

from yarnkernel.connection import ASKED_TO_RESTART, ENDED_UNUSED
from yarnkernel.jupyter.messages import EndNews, KernelNews, News

#: Seconds that a kernel must have lived before its application, if YARN ended it, is submitted
#: again without a request: a crash must not lead to a series of crashes.
RELAUNCH_AFTER = 60.0
#: Outcomes of an application that was stopped or killed on purpose.
_ON_PURPOSE = ("FINISHED SUCCEEDED", "KILLED")


class KnownKernel:
    """What is known of a kernel; one thread writes it, another one reads it.

    Attributes
    ----------
    news : KernelNews or None
        The last report of its supervisor.
    ended : EndNews or None
        Its end, once it has ended.
    exit_code : int
        The exit code of its last process that ended; 1 before that.
    restarts : int
        The number of restarts that the front end knows of.
    """

    def __init__(self, restarts: int = 0) -> None:
        self.news: KernelNews | None = None
        self.ended: EndNews | None = None
        self.exit_code = 1
        self.restarts = restarts
        self._since = time.monotonic()

    def take(self, message: News, *, is_final: bool) -> str:
        """Record a message of the agent.

        Parameters
        ----------
        message : News
            The message.
        is_final : bool
            Whether its end was requested.

        Returns
        -------
        str
            A warning; empty if none is needed.
        """
        if isinstance(message, EndNews):
            self.ended = message
            how = f"{message.outcome} {message.diagnostics}".strip() or "its place has lost it"
            return "" if is_final else f"has ended: {how}"
        known, self.news = self.news, message
        if message.exit_code is not None:
            self.exit_code = message.exit_code
        died = message.restarts > (known.restarts if known else 0) or message.state == "ended"
        asked = is_final or message.last_end.startswith(ASKED_TO_RESTART)
        return f"the kernel {message.last_end}" if died and not asked else ""

    @property
    def quit(self) -> bool:
        """Whether its process has ended, and the supervisor with it."""
        return self.news is not None and self.news.state == "ended"

    @property
    def died(self) -> bool:
        """Whether it has ended, or is not the process that the front end knows."""
        restarts = self.news.restarts if self.news is not None else 0
        return self.ended is not None or self.quit or restarts > self.restarts

    @property
    def ended_on_purpose(self) -> bool:
        """Whether it was ended by somebody or as unused: it must not restart without a request."""
        ended = self.ended is not None and self.ended.outcome in _ON_PURPOSE
        return (ended or self._unused) and not self.may_relaunch

    @property
    def may_relaunch(self) -> bool:
        """Whether YARN took the container away, or the kernel quit, after it had lived a while."""
        if self._unused:
            return False
        lost = self.ended is not None and self.ended.lost
        quit_itself = self.quit and self.exit_code == 0
        return (lost or quit_itself) and time.monotonic() - self._since > RELAUNCH_AFTER

    @property
    def _unused(self) -> bool:
        return self.news is not None and self.news.last_end.startswith(ENDED_UNUSED)
