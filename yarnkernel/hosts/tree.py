"""Lists, packs and unpacks directories that are transferred.

This file is sent to hosts with :mod:`yarnkernel.hosts.helper`, and needs no more than that does.
Unpacking does not trust the archive: nothing is written outside the directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import shutil
import stat
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    #: An entry: kind; a file's bytes, and the time of its last change in ns; a file's SHA-256, a
    #: link's target, or a reason; mode.
    Entry = list[Any]

#: Kinds of entries. What is left out is listed with the reason.
FILE, DIRECTORY, LINK, LEFT_OUT = "f", "d", "l", "x"
#: Prefix of files that are not complete yet.
PART = ".yarnkernel-part-"
#: Bytes read at a time.
_CHUNK = 1 << 20
#: Nanoseconds within which two changes of a file can have the same time.
_TICK = 2 * 10**9
_TAR = {"encoding": "utf-8", "errors": "surrogateescape"}


def check_path(path: str) -> None:
    """Check that a path stays in the directory that it is relative to.

    Raises
    ------
    ValueError
        When it does not.
    """
    if not path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} leaves its directory")


def leads_out(path: str, target: str) -> bool:
    """Return whether a link leaves the directory that its path is relative to."""
    there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return target.startswith("/") or there.split("/")[0] == ".."


def scan(directory: str, known: Mapping[str, Entry]) -> dict[str, Entry] | None:
    """Return a directory's content, by paths relative to it; None if it does not exist.

    Parameters
    ----------
    directory : str
        Its path.
    known : mapping of str to list
        The last result: files that have not changed since are not read again.
    """
    if not Path(directory).is_dir():
        return None
    root = Path(directory).resolve()
    return {path: _entry(root, path, known.get(path)) for path in _paths(root, "")}


def _paths(root: Path, below: str) -> Iterator[str]:
    with os.scandir(str(root / below)) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(PART):
            continue
        path = posixpath.join(below, entry.name)
        yield path
        if entry.is_dir(follow_symlinks=False) and os.access(entry.path, os.R_OK | os.X_OK):
            yield from _paths(root, path)


def _entry(root: Path, path: str, known: Entry | None) -> Entry:
    full = root / path
    try:
        status = full.lstat()
        if stat.S_ISLNK(status.st_mode):
            return _link(root, path)
        mode = stat.S_IMODE(status.st_mode) & 0o777
        if stat.S_ISDIR(status.st_mode):
            readable = os.access(str(full), os.R_OK | os.X_OK)
            return [DIRECTORY, 0, 0, "", mode] if readable else _left_out("it cannot be read")
        if not stat.S_ISREG(status.st_mode):
            return _left_out("neither a file, a directory nor a link")
        moment = status.st_mtime_ns
        if known and known[:3] == [FILE, status.st_size, moment]:
            return [FILE, status.st_size, moment, known[3], mode]
        if time.time_ns() - moment < _TICK:
            moment = 0
        return [FILE, status.st_size, moment, _digest(full), mode]
    except (OSError, RuntimeError) as exc:  # the latter for a loop of links, before Python 3.13
        return _left_out(getattr(exc, "strerror", None) or str(exc))


def _link(root: Path, path: str) -> Entry:
    target = os.readlink(str(root / path))  # noqa: PTH115  (Path.readlink is of Python 3.9)
    there = (root / path).resolve()
    if leads_out(path, target) or root not in (there, *there.parents):
        return _left_out(f"a link out of the directory, to {target}")
    return [LINK, 0, 0, target, 0]


def _left_out(reason: str) -> Entry:
    return [LEFT_OUT, 0, 0, reason, 0]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with os.fdopen(os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        for piece in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(piece)
    return digest.hexdigest()


def pack(sink: IO[bytes], sources: Mapping[str, str]) -> None:
    """Write an archive.

    Parameters
    ----------
    sink : file
        The file for it.
    sources : mapping of str to str
        Paths of files, directories (without their content) and links, by names in the archive.
    """
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.GNU_FORMAT, **_TAR) as archive:  # type: ignore[call-overload]
        for name, path in sources.items():
            _add(archive, name, path)


def _add(archive: tarfile.TarFile, name: str, path: str) -> None:
    member = tarfile.TarInfo(name)
    status = Path(path).lstat()
    member.mode = stat.S_IMODE(status.st_mode) & 0o777
    member.mtime = int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(status.st_mode):
        member.type = tarfile.SYMTYPE
        member.linkname = os.readlink(path)  # noqa: PTH115  (as above)
        archive.addfile(member)
    else:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
            member.size = os.fstat(stream.fileno()).st_size
            archive.addfile(member, stream)


def unpack(
    source: IO[bytes], directory: str, expected: Mapping[str, Entry | None] | None = None
) -> dict[str, dict[str, Any]]:
    """Unpack an archive, each file atomically.

    Parameters
    ----------
    source : file
        The archive.
    directory : str
        The target; created if necessary.
    expected : mapping of str to list or None, optional
        The entries to replace, by path: what differs from them is not replaced, and paths that are
        not listed are refused. By default everything is replaced.

    Returns
    -------
    dict
        ``"entries"``: what was unpacked, and ``"refused"``: why something was not, by path.
    """
    root = Path(directory)
    root.mkdir(0o700, parents=True, exist_ok=True)
    entries: dict[str, Entry] = {}
    refused: dict[str, str] = {}
    modes: list[tuple[Path, int]] = []
    with tarfile.open(fileobj=source, mode="r|", **_TAR) as archive:  # type: ignore[call-overload]
        for member in archive:
            try:
                _check(root, member, expected)
            except ValueError as exc:
                refused[member.name] = str(exc)
                continue
            entries[member.name] = _extract(root, archive, member)
            if member.isdir():
                modes.append((root / member.name, member.mode & 0o777))
    for path, mode in reversed(modes):
        path.chmod(mode)
    return {"entries": entries, "refused": refused}


def _check(
    root: Path, member: tarfile.TarInfo, expected: Mapping[str, Entry | None] | None
) -> None:
    path = member.name
    check_path(path)
    if not (member.isfile() or member.isdir() or (member.issym())):
        raise ValueError("neither a file, a directory nor a link")
    if member.issym() and leads_out(path, member.linkname):
        raise ValueError("a link out of the directory")
    parent = root
    for part in path.split("/")[:-1]:
        parent = parent / part
        if parent.is_symlink():
            raise ValueError(f"{parent} is a link")
    if expected is None:
        return
    if path not in expected:
        raise ValueError("nobody has asked for it")
    there = _entry(root, path, expected[path]) if os.path.lexists(str(root / path)) else None
    if not same(there, expected[path]):
        raise ValueError("it has changed meanwhile")


def identity(entry: Entry | None) -> list[Any] | None:
    """Return what identifies an entry's content, whatever its time."""
    if entry is None:
        return None
    kind, detail, mode = entry[0], entry[3], entry[4]
    return [kind, detail if kind != LEFT_OUT else "", mode & 0o100 if kind == FILE else 0]


def same(one: Entry | None, other: Entry | None) -> bool:
    """Return whether two entries are the same, whatever their times."""
    return identity(one) == identity(other)


def _extract(root: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    full = root / member.name
    if member.isdir():
        full.mkdir(0o700, parents=True, exist_ok=True)
        return [DIRECTORY, 0, 0, "", member.mode & 0o777]
    full.parent.mkdir(0o700, parents=True, exist_ok=True)
    if member.issym():
        part = tempfile.mktemp(prefix=PART, dir=str(full.parent))  # noqa: S306  (symlink(2) fails on what is there)
        Path(part).symlink_to(member.linkname)
        Path(part).replace(full)
        return [LINK, 0, 0, member.linkname, 0]
    digest = hashlib.sha256()
    stream: Any = archive.extractfile(member)
    handle, part = tempfile.mkstemp(prefix=PART, dir=str(full.parent))
    try:
        with os.fdopen(handle, "wb") as sink:
            for piece in iter(lambda: stream.read(_CHUNK), b""):
                digest.update(piece)
                sink.write(piece)
        Path(part).chmod(member.mode & 0o777)
        os.utime(part, (member.mtime, member.mtime))
        Path(part).replace(full)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise
    return [FILE, member.size, full.lstat().st_mtime_ns, digest.hexdigest(), member.mode & 0o777]


def unpack_whole(source: IO[bytes], directory: str) -> None:
    """Unpack a compressed archive of yarnkernel's own into a new directory, atomically.

    A virtual environment's Python is a link out of it, so all links are kept as they are.
    """
    path = Path(directory)
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=PART, dir=str(path.parent)))
    try:
        with tarfile.open(fileobj=source, mode="r|gz") as archive:
            if hasattr(tarfile, "fully_trusted_filter"):
                archive.extraction_filter = tarfile.fully_trusted_filter
            archive.extractall(str(part))  # noqa: S202  (it is ours)
        part.rename(path)
    except BaseException:
        shutil.rmtree(str(part), ignore_errors=True)
        if not path.is_dir():  # otherwise somebody else was first
            raise


def discard(directory: str, paths: Collection[str]) -> None:
    """Remove files, links and empty directories; a directory's content has to come first."""
    for path in paths:
        check_path(path)
        full = Path(directory, path)
        if any(parent.is_symlink() for parent in list(full.parents)[: path.count("/")]):
            continue
        with contextlib.suppress(OSError):  # it is gone or not empty
            if full.is_dir() and not full.is_symlink():
                full.rmdir()
            else:
                full.unlink()


def directories(path: str) -> list[list[Any]]:
    """Return the directories in a directory: name, bytes below it, and time of the last use."""
    found = []
    with contextlib.suppress(OSError):
        for one in sorted(Path(path).iterdir()):
            if one.is_dir() and not one.is_symlink():
                sizes = (file.lstat().st_size for file in one.rglob("*"))
                found.append([one.name, sum(sizes), one.stat().st_mtime])
    return found


def touch(path: str) -> bool:
    """Mark a directory as used; return False if there is none."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
