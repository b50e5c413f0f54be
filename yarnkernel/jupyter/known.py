"""What a provisioner knows of its kernel: what its supervisor has told last, and how it ended."""

from __future__ import annotations

import time

from yarnkernel.connection import ASKED_TO_RESTART, ENDED_UNUSED
from yarnkernel.jupyter.messages import EndNews, KernelNews, News

#: Seconds that a kernel has to live before an application that YARN has ended under it is
#: submitted again unasked: a crash must not become a row of them.
RELAUNCH_AFTER = 60.0
#: How an application has ended that somebody has stopped, or killed.
_ON_PURPOSE = ("FINISHED SUCCEEDED", "KILLED")


class KnownKernel:
    """See the module; told by one thread, asked by another.

    Attributes
    ----------
    news : KernelNews or None
        The last that its supervisor has told.
    ended : EndNews or None
        What is known of its end.
    exit_code : int
        Of its last process that has ended; 1 before.
    restarts : int
        How often it was restarted, as far as the front end knows.
    """

    def __init__(self, restarts: int = 0) -> None:
        self.news: KernelNews | None = None
        self.ended: EndNews | None = None
        self.exit_code = 1
        self.restarts = restarts
        self._since = time.monotonic()

    def take(self, message: News, *, is_final: bool) -> str:
        """Take note of what its agent tells.

        Parameters
        ----------
        message : News
            What it tells.
        is_final : bool
            Whether its end was asked for.

        Returns
        -------
        str
            What is worth a warning; else empty.
        """
        if isinstance(message, EndNews):
            self.ended = message
            how = f"{message.outcome} {message.diagnostics}".strip() or "YARN lost it"
            return "" if is_final else f"has ended: {how}"
        known, self.news = self.news, message
        if message.exit_code is not None:
            self.exit_code = message.exit_code
        died = message.restarts > (known.restarts if known else 0) or message.state == "ended"
        asked = is_final or message.last_end.startswith(ASKED_TO_RESTART)
        return f"the kernel {message.last_end}" if died and not asked else ""

    @property
    def quit(self) -> bool:
        """Whether its process has ended, and its supervisor with it."""
        return self.news is not None and self.news.state == "ended"

    @property
    def died(self) -> bool:
        """Whether it is another one than the front end knows, or none."""
        restarts = self.news.restarts if self.news is not None else 0
        return self.ended is not None or self.quit or restarts > self.restarts

    @property
    def ended_on_purpose(self) -> bool:
        """Whether somebody has ended it, or nobody has used it: it is not to come back unasked."""
        ended = self.ended is not None and self.ended.outcome in _ON_PURPOSE
        return (ended or self._unused) and not self.may_relaunch

    @property
    def may_relaunch(self) -> bool:
        """Whether YARN took the container away, or the kernel quit, and not a moment ago."""
        if self._unused:
            return False
        lost = self.ended is not None and self.ended.lost
        quit_itself = self.quit and self.exit_code == 0
        return (lost or quit_itself) and time.monotonic() - self._since > RELAUNCH_AFTER

    @property
    def _unused(self) -> bool:
        return self.news is not None and self.news.last_end.startswith(ENDED_UNUSED)
