"""The limits after which a kernel is ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.recipe_options import IDLE, LIFETIME, ORPHAN

if TYPE_CHECKING:
    from yarnkernel.container.activity import Activity


@dataclass(frozen=True)
class Limits:
    """Limits in seconds after which a kernel is ended; 0 switches one off.

    Attributes
    ----------
    orphan : float, default 1800 (30 minutes)
        Since publication, if no client has connected; for a kernel that a front end owns, since the
        last client was connected.
    idle : float, default 43200 (12 hours)
        Since a client's last request was done.
    lifetime : float, default 604800 (7 days)
        Since publication; a busy kernel may finish its work. The default is the longest life of
        Hadoop's delegation tokens
        (``yarn.resourcemanager.delegation.token.max-lifetime``).
    """

    orphan: float = ORPHAN.default
    idle: float = IDLE.default
    lifetime: float = LIFETIME.default

    def reached(
        self, now: float, published: float, activity: Activity, last_client: float | None
    ) -> str:
        """Return which limit a kernel has reached; empty for none.

        Parameters
        ----------
        now, published : float
            In seconds of :func:`time.monotonic`.
        activity : Activity
            How clients use it.
        last_client : float or None
            When a client was last connected, for a kernel that a front end owns.
        """
        if self.orphan and not activity.connected and now - published >= self.orphan:
            return f"nobody connected to it within {self.orphan:g} s (--orphan-timeout)"
        if activity.busy:
            return ""
        if self.orphan and last_client is not None and now - last_client >= self.orphan:
            return f"no client was connected for {self.orphan:g} s (--orphan-timeout)"
        if self.lifetime and now - published >= self.lifetime:
            return f"it is {self.lifetime:g} s old (--max-lifetime)"
        if self.idle and activity.connected and now - activity.last_used >= self.idle:
            return f"nobody used it for {self.idle:g} s (--idle-timeout)"
        return ""
