"""Carries out work in steps, for several targets at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from yarnkernel.groups.waits import Wait

#: Seconds between two polls.
LOOK = 0.05


class GroupActionError(YarnKernelError):
    """Something failed for some targets."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows."""
        return [f"{type(self).__name__}: {self}"]


def carry_out(work: Mapping[str, Generator[Wait, None, Any]]) -> dict[str, Any]:
    """Carry out work that only waits for threads and other processes, with their own deadlines.

    Returns
    -------
    dict
        What each returned, by the targets' names.

    Raises
    ------
    GroupActionError
        When some failed; the others have been carried out.
    """
    waits: dict[str, Wait | None] = dict.fromkeys(work)
    results: dict[str, Any] = {}
    problems: dict[str, str] = {}
    while waits:
        for label, wait in list(waits.items()):
            if wait is not None and not wait.done:
                continue
            try:
                waits[label] = next(work[label])
            except StopIteration as end:
                results[label] = end.value
                del waits[label]
            except YarnKernelError as exc:
                problems[label] = str(exc)
                del waits[label]
        if waits:
            time.sleep(LOOK)
    if problems:
        raise GroupActionError("\n".join(f"{label}: {why}" for label, why in problems.items()))
    return results
