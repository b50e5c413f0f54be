"""``--file`` on YARN: additional files in the specification for the kernel's container."""

from __future__ import annotations

import gzip
import os
import tarfile
from typing import TYPE_CHECKING

from yarnkernel.announcement import FILES_VARIABLE
from yarnkernel.errors import PackError, PackTimeoutError, UsageError
from yarnkernel.yarn.spec import check_message
from yarnkernel.yarn.spec_changes import kernel_part

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import skein

    from yarnkernel.deadline import Deadline


def add_given_files(
    spec: skein.ApplicationSpec, files: Mapping[str, Path], scratch: Path, deadline: Deadline
) -> None:
    """Add files and directories of this machine to the kernel's container.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification, which is changed in place.
    files : mapping of str to pathlib.Path
        By their names in the container.
    scratch : pathlib.Path
        Where to pack directories: YARN only takes files and archives.
    deadline : Deadline
        For packing.

    Raises
    ------
    UsageError
        When there already is a file with such a name.
    PackError
        When a directory cannot be packed, or not in time.
    """
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = kernel_part(spec)
    if taken := sorted(part.files.keys() & files.keys()):
        raise UsageError(
            f"--file: the specification has a file {taken[0]!r}; next: --file PATH:NAME"
        )
    added = {}
    for name, path in files.items():
        kind, source = "FILE", path
        if path.is_dir():
            kind, source = "ARCHIVE", scratch / f"{name}.tar.gz"
            _pack(path, source, deadline)
        added[name] = skein.File(f"file://{source}", type=kind, visibility="APPLICATION")
    part.files = {**part.files, **added}
    part.script = f'export {FILES_VARIABLE}="$PWD"\n{part.script}'
    check_message("--file", spec)


def _pack(directory: Path, target: Path, deadline: Deadline) -> None:
    """Pack a directory; the same content gives the same archive, which is uploaded only once."""

    def checked(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if deadline.passed:
            raise PackTimeoutError(f"{directory} is not packed within {deadline.seconds:.0f} s")
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member if member.isfile() or member.isdir() or member.issym() else None

    try:
        with (
            target.open("wb") as plain,
            gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            for name in sorted(os.listdir(directory)):  # noqa: PTH208  (names alone)
                archive.add(directory / name, name, filter=checked)
    except PackTimeoutError:
        raise
    except OSError as exc:
        raise PackError(f"--file {directory}: {exc.filename}: {exc.strerror}") from exc
