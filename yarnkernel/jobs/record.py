"""Records of the kernels that this machine has started outside YARN: a private file for each.

They serve to find kernels again. They do not include the status, for which the place is asked.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

import platformdirs

from yarnkernel.announcement import write_private
from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Days after which a kernel's record is removed; no kernel lives so long.
DAYS_KEPT = 30
#: Hexadecimal digits of an id that distinguish the kernels of one place.
_DIGITS = 8


@dataclass(frozen=True)
class Record:
    """One kernel.

    Attributes
    ----------
    id : str
        Its id: interface, host if there is one, and some digits.
    interface : str
        ``"local"``, ``"ssh"``, ``"slurm"``, ``"sge"`` or ``"pbs"``.
    host : str
        The host where commands run, in ssh's notation; empty for this machine.
    jump : list of str
        Jump hosts.
    python : str
        The Python there that the user specified.
    directory : str
        The kernel's own directory, on the host.
    name : str
        Its name.
    user : str
        The user who runs it there.
    queue : str
        The requested queue or partition.
    memory, cpus : int
        The requested MiB and processors; 0 if none were requested.
    submitted : float
        When it was submitted, in seconds since 1970.
    public, secret : str
        This machine's CurveZMQ key pair for this kernel.
    job : str
        The id of the job or process; empty until the submission is answered.
    began : str
        When the process began, in its system's format.
    node, boot : str
        The host that answered to the name, and the id of its system's boot.
    final, diagnostics : str
        How it ended, and why, once that is known here: then its host is not asked again.
    finished : float
        When it ended, in seconds since 1970; 0 if that is unknown.
    environment : str
        The name of the environment that was sent for it.
    sync, sync_there : str
        The synchronised directories on this machine and on the host.
    """

    id: str
    interface: str
    host: str
    jump: list[str]
    python: str
    directory: str
    name: str
    user: str
    queue: str
    memory: int
    cpus: int
    submitted: float
    public: str
    secret: str = field(repr=False)
    job: str = ""
    began: str = ""
    node: str = ""
    boot: str = ""
    final: str = ""
    diagnostics: str = ""
    finished: float = 0.0
    environment: str = ""
    sync: str = ""
    sync_there: str = ""

    def write(self) -> None:
        """Write it to a file that only its user can read.

        Raises
        ------
        UsageError
            When it cannot be written.
        """
        directory = _directory()
        try:
            directory.mkdir(0o700, parents=True, exist_ok=True)
            write_private(directory / f"{self.id}.json", asdict(self))
        except OSError as exc:
            raise UsageError(f"no kernel can be noted in {directory}: {exc.strerror}") from exc

    def forget(self) -> None:
        """Remove it."""
        (_directory() / f"{self.id}.json").unlink(missing_ok=True)


def new_id(interface: str, host: str) -> str:
    """Make an id for a kernel.

    The host is in it as the user types it, so that ``jupyter console --existing me@box`` finds the
    connection file, whose name has the id.
    """
    named = "".join(c for c in host if c.isascii() and (c.isalnum() or c in "-.@_"))
    return "-".join(filter(None, (interface, named, secrets.token_hex(_DIGITS // 2))))


def find_record(kernel: str) -> Record | None:
    """Return a kernel's record; None if it is not known here."""
    if "/" in kernel or kernel.startswith("."):
        return None
    return _read(_directory() / f"{kernel}.json")


def all_records() -> list[Record]:
    """Return all records, newest last, and remove those that are too old."""
    found = []
    for record in _all():
        if record.submitted < time.time() - DAYS_KEPT * 86400:
            record.forget()
        else:
            found.append(record)
    return sorted(found, key=lambda record: record.submitted)


def _all() -> Iterator[Record]:
    with contextlib.suppress(OSError):
        for path in _directory().glob("*.json"):
            if (record := _read(path)) is not None:
                yield record


def _read(path: Path) -> Record | None:
    try:
        document = json.loads(path.read_text())
        known = {one.name for one in fields(Record)}
        return Record(**{name: value for name, value in document.items() if name in known})
    except (OSError, ValueError, TypeError):
        return None


def _directory() -> Path:
    try:
        return platformdirs.user_state_path("yarnkernel") / "records"
    except RuntimeError as exc:
        raise UsageError(f"kernels' records: {exc}; next: set HOME") from exc
