"""How far something is that takes a while: told as events, put into words where they are shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: The steps, and their words.
_WORDS = {
    "place": "cluster: {place}",
    "host": "host: {place}",
    "direct": "submitted the direct way: one kernel, and nothing that needs Java",
    "skein": "submitting the skein way: {reason}",
    "connected": "{place} answers",
    "submitted": "{kernel} submitted to queue {place}",
    "started": "{kernel} started on {place}",
    "unsure": "{kernel} may have been submitted; killing it",
    "waiting": "{kernel} {state} (queue {place})",
    "running": "{kernel} {state} on {place}",
    "state": "{kernel} {state}",
    "trouble": "{reason}; trying again",
    "again": "{kernel} {reason}",
    "ready": "{kernel} kernel is ready on {place}",
    "gone": "{kernel} had ended already: {state}",
    "silent": "{kernel}: its ApplicationMaster does not answer ({reason}); killing it",
    "killed": "{kernel} killed",
    "stuck": "{kernel} cannot be killed: {reason}; next: yarnkernel stop --force {kernel}",
    "packing": "packing {place} ({reason})",
    "packed": "packed: {size:.1f} MB",
    "uploading": "uploading {place}: {size:.1f} MB",
    "sending": "sending {place}: {size:.1f} MB",
    "synchronised": "{place} is there, {reason} of it sent now",
    "uploaded": "uploaded: {size:.1f} MB",
    "there": "{place} is on the cluster already",
    "warning": "warning: {reason}",
}
#: Steps whose reason is told after a colon, if there is one.
_WITH_REASON = {"waiting", "state"}
#: Steps that only those want to know of who ask for more.
_DETAILS = {"direct", "skein", "connected"}


@dataclass(frozen=True)
class Progress:
    """One step.

    Attributes
    ----------
    step : str
        What happens: ``"submitted"``, ``"waiting"``, ``"running"``, ``"trouble"``...
    kernel : str
        The kernel's id; empty where there is none yet.
    place : str
        Where: a cluster, a queue, a host, a file.
    state : str
        The kernel's, as its place names it.
    reason : str
        Why, in the words of who refuses or waits.
    size : int
        Bytes that are moved.
    moment : float
        When, in seconds since 1970.
    """

    step: str
    kernel: str = ""
    place: str = ""
    state: str = ""
    reason: str = ""
    size: int = 0
    moment: float = field(default_factory=time.time, compare=False)

    @property
    def is_detail(self) -> bool:
        """Whether only those want to know who ask for more."""
        return self.step in _DETAILS

    def document(self) -> dict[str, object]:
        """Return what is said of it, as JSON has it."""
        fields = ("step", "kernel", "place", "state", "reason", "size")
        return {name: value for name in fields if (value := getattr(self, name))}

    def __str__(self) -> str:
        """Put it into words."""
        text = _WORDS[self.step].format(
            kernel=self.kernel,
            place=self.place,
            state=self.state,
            reason=self.reason,
            size=self.size / 1e6,
        )
        return f"{text}: {self.reason}" if self.reason and self.step in _WITH_REASON else text


#: Who is told of each step.
Report = Callable[[Progress], object]


def ignore(_: Progress) -> None:
    """Report to nobody."""
