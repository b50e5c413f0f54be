"""One deadline for many steps."""

from __future__ import annotations

import time

#: Seconds from the submission to a usable kernel, by default; a busy cluster takes minutes.
START_TIMEOUT = 300.0
#: The longest deadline in seconds, 24 days: libraries take milliseconds in 32 bits.
LONGEST = 20 * 86400.0


class Deadline:
    """A point in time by which a series of steps has to end.

    Parameters
    ----------
    seconds : float
        How far away it is.

    Attributes
    ----------
    seconds : float
        How far away it was at first.
    given_up : bool
        Whether it passed because nobody waits any more.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = min(seconds, LONGEST)
        self.given_up = False
        self._end = time.monotonic() + self.seconds

    def cut_short(self) -> None:
        """Let it pass now, as nobody waits any more."""
        self.given_up = True
        self._end = time.monotonic()

    def renew(self) -> None:
        """Start it again, as there was progress."""
        self._end = time.monotonic() + self.seconds

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether it has passed."""
        return self.remaining == 0.0

    def step(self, longest: float) -> float:
        """Return the timeout in seconds of a step that may take ``longest``.

        At least a millisecond, as some libraries take 0 for "no timeout".
        """
        return max(0.001, min(longest, self.remaining))
