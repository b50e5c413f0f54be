"""Work in steps, carried out to its end for several targets at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from yarnkernel.groups.waits import Wait

#: Seconds between two looks.
LOOK = 0.05


class GroupActionError(YarnKernelError):
    """Something could not be done with some targets."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this."""
        return [f"{type(self).__name__}: {self}"]


def carry_out(work: Mapping[str, Generator[Wait, None, Any]]) -> dict[str, Any]:
    """Carry out work that waits for threads and other processes alone; each has its deadline.

    Returns
    -------
    dict
        What each returned, by the names of the targets.

    Raises
    ------
    GroupActionError
        When some could not be done; the others are.
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
