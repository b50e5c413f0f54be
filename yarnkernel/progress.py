"""Progress of long operations, as events that are put into words where they are shown."""

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
#: Steps whose reason follows a colon, if there is one.
_WITH_REASON = {"waiting", "state"}
#: Steps that are shown only on request.
_DETAILS = {"direct", "skein", "connected"}


@dataclass(frozen=True)
class Progress:
    """One step.

    Attributes
    ----------
    step : str
        What happens: ``"submitted"``, ``"waiting"``, ``"running"``, ``"trouble"``...
    kernel : str
        The kernel's id; empty if there is none yet.
    place : str
        A cluster, queue, host or file.
    state : str
        The kernel's state, as its place names it.
    reason : str
        Why, in the place's own words.
    size : int
        Bytes to transfer.
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
        """Whether it is shown only on request."""
        return self.step in _DETAILS

    def document(self) -> dict[str, object]:
        """Return it as a JSON object."""
        fields = ("step", "kernel", "place", "state", "reason", "size")
        return {name: value for name in fields if (value := getattr(self, name))}

    def __str__(self) -> str:
        """Describe it in words."""
        text = _WORDS[self.step].format(
            kernel=self.kernel,
            place=self.place,
            state=self.state,
            reason=self.reason,
            size=self.size / 1e6,
        )
        return f"{text}: {self.reason}" if self.reason and self.step in _WITH_REASON else text


#: Called with each step.
Report = Callable[[Progress], object]


def ignore(_: Progress) -> None:
    """Report to nobody."""
