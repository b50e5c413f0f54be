"""Private files on this machine that record through which edge node applications are reached."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.announcement import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Days after which an application's file is deleted.
DAYS_KEPT = 30


@dataclass(frozen=True)
class EdgeNote:
    """What is recorded of one application.

    Attributes
    ----------
    app_id : str
        Its id.
    edge : list of str
        The edge node, as ssh takes it, preceded by the hosts to jump through.
    noted : float
        When it was recorded, in seconds since 1970.
    ended : bool
        Whether it is known to have ended.
    """

    app_id: str
    edge: list[str]
    noted: float
    ended: bool = False


def note(app_id: str, edge: tuple[str, ...]) -> None:
    """Record an application's edge node; if that fails, the user has to name it again."""
    found = edge_note(app_id)
    if edge and (found is None or found.edge != list(edge)):
        _write(EdgeNote(app_id, list(edge), time.time()))


def edge_note(app_id: str) -> EdgeNote | None:
    """Return what is recorded of an application; None if nothing is."""
    directory = _directory()
    return None if directory is None or "/" in app_id else _read(directory / f"{app_id}.json")


def note_end(app_id: str) -> bool:
    """Record that an application has ended; False if that is known or nothing is recorded."""
    found = edge_note(app_id)
    if found is None or found.ended:
        return False
    _write(replace(found, ended=True))
    return True


def edges_in_use() -> list[tuple[str, ...]]:
    """Return the edge nodes of applications that are not recorded as ended."""
    return sorted({tuple(found.edge) for found in _all() if not found.ended})


def _all() -> Iterator[EdgeNote]:
    directory = _directory()
    if directory is None:
        return
    for path in directory.glob("*.json"):
        found = _read(path)
        if found is not None and found.noted < time.time() - DAYS_KEPT * 86400:
            path.unlink(missing_ok=True)
        elif found is not None:
            yield found


def _write(found: EdgeNote) -> None:
    directory = _directory()
    if directory is not None:
        with contextlib.suppress(OSError):
            directory.mkdir(0o700, parents=True, exist_ok=True)
            write_private(directory / f"{found.app_id}.json", asdict(found))


def _read(path: Path) -> EdgeNote | None:
    try:
        return EdgeNote(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _directory() -> Path | None:
    try:
        return platformdirs.user_state_path("yarnkernel") / "edges"
    except RuntimeError:  # no home directory
        return None
