"""Packs an environment by conda-pack or venv-pack2, and checks archives before they are sent."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import shlex
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from yarnkernel.child_process import run_to_end
from yarnkernel.environment.prefix import REQUIRED, missing_packages, package_name
from yarnkernel.errors import PackError, PackTimeoutError, UsageError
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typing_extensions import Buffer

    from yarnkernel.deadline import Deadline
    from yarnkernel.environment.prefix import Prefix

#: Suffixes that YARN unpacks with tar (FSDownload of Hadoop) and both packers support.
SUFFIXES = (".tar.gz", ".tgz")
#: Bytes read at a time.
CHUNK = 1 << 20
#: Offset and size of ``e_machine`` in an ELF header (elf(5)).
_ELF_MACHINE = slice(18, 20)
_DIST_INFO = re.compile(r"lib/python(3)\.(\d+)t?/site-packages/([^/]+)-[^/-]+\.dist-info/METADATA")


def _packer(prefix: Prefix) -> list[str]:
    """Return the command that packs this kind of environment."""
    module, project = {
        "conda": ("conda_pack", "conda-pack"),
        "venv": ("venv_pack", "venv-pack2"),
    }[prefix.kind]
    if find_spec(module) is None:
        raise PackError(
            f"packing {prefix.path} needs {project}; next: pip install 'yarnkernel[pack]'"
        )
    if prefix.kind == "conda":
        return python_command(f"{module}.cli", "--n-threads=-1")
    return python_command(module)


def pack(
    prefix: Prefix, target: Path, *, deadline: Deadline, progress: IO[str] | None = None
) -> None:
    """Pack an environment.

    The packer works in its own directory next to the target, so that the archive is created
    atomically and needs no space in a small ``/tmp``.

    Parameters
    ----------
    prefix : Prefix
        The environment.
    target : pathlib.Path
        The archive, ``*.tar.gz``; an existing one is replaced.
    deadline : Deadline
        When to end the packer.
    progress : file, optional
        Where the packer shows its progress. By default it does not.

    Raises
    ------
    PackError, PackTimeoutError
        When it cannot be packed.
    """
    command = _packer(prefix)
    try:
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=target.parent) as scratch:
            part = Path(scratch) / f"{prefix.name}.tar.gz"
            options = ["--prefix", str(prefix.path), "--output", str(part)]
            ended = run_to_end(
                [*command, *options, *([] if progress else ["--quiet"])],
                deadline=deadline,
                environment={**os.environ, "TMPDIR": scratch, "PYTHONWARNINGS": "ignore"},
                stdout=progress or subprocess.DEVNULL,
            )
            if ended.returncode == 0:
                part.replace(target)
                return
    except TimeoutError as exc:
        raise PackTimeoutError(
            f"{prefix.path} is not packed within {deadline.seconds:.0f} s; "
            "next: try again with a longer --timeout"
        ) from exc
    except OSError as exc:
        raise PackError(f"cannot write {target}: {exc.strerror}") from exc
    raise _pack_error(prefix, target, ended.stderr)


def _pack_error(prefix: Prefix, target: Path, said: str) -> PackError:
    """Return one line for a packer's message, which may be a traceback or a table."""
    if system := re.search(r"^OSError: \[Errno \d+\] ([^:\n]+)", said, re.MULTILINE):
        return PackError(
            f"{prefix.path} cannot be packed into {target.parent}: {system[1]}; "
            "next: make room there"
        )
    words = " ".join(said.partition("PackError:")[2].split())
    if "managed by conda" in words:
        changed = ", ".join(re.findall(r"- (\S+) \S+?:", words))
        return PackError(
            f"{prefix.path} cannot be packed: files of conda packages have been removed or "
            f"replaced (by pip?): {changed}; "
            f"next: conda install --prefix {shlex.quote(str(prefix.path))} --force-reinstall "
            f"{changed.replace(', ', ' ')}"
        )
    last = (said.strip().splitlines() or ["the packer does not say why"])[-1]
    return PackError(f"{prefix.path} cannot be packed: {words or last}")


@contextlib.contextmanager
def _opened(path: Path, deadline: Deadline) -> Iterator[IO[bytes]]:
    """Open an archive, which can be read until the deadline.

    Refuse pipes, as opening one would block until somebody writes.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UsageError(f"{path} is not a regular file")
    with path.open("rb") as plain, io.BufferedReader(_Timed(plain, path, deadline), CHUNK) as file:
        yield file


class _Timed(io.RawIOBase):
    def __init__(self, file: IO[bytes], path: Path, deadline: Deadline) -> None:
        self._file = file
        self._path = path
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if self._deadline.passed:
            raise PackTimeoutError(f"{self._path} is not read in time")
        content = self._file.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(content)] = content
        return len(content)


def archive_digest(path: Path, deadline: Deadline) -> str:
    """Return the SHA-256 of an archive, in hexadecimal digits.

    Parameters
    ----------
    path : pathlib.Path
        The archive.
    deadline : Deadline
        To read it.

    Raises
    ------
    UsageError
        When it is not a file or cannot be read.
    PackTimeoutError
        When the deadline passes first.
    """
    digest = hashlib.sha256()
    try:
        with _opened(path, deadline) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except PackTimeoutError:
        raise
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from exc
    return digest.hexdigest()


@dataclass
class _Contents:
    """What matters in an archive: names, resolved links, heads of its Pythons and packages."""

    names: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    heads: dict[str, bytes] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    python_version: tuple[int, int] = (3, 0)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = str(PurePosixPath(member.name))
        self.names.add(name)
        if member.issym():
            self.links[name] = os.path.normpath(str(PurePosixPath(name).parent / member.linkname))
        elif member.islnk():
            self.links[name] = member.linkname
        elif member.isfile() and re.fullmatch(r"bin/python[\d.]*t?", name):
            file = archive.extractfile(member)
            self.heads[name] = file.read(_ELF_MACHINE.stop) if file else b""
        if found := _DIST_INFO.fullmatch(name):
            self.packages.add(package_name(found[3]))
            self.python_version = (int(found[1]), int(found[2]))

    def python(self) -> str:
        """Return the final target of the link ``bin/python``; absolute if outside the archive."""
        name = "bin/python"
        for _ in range(len(self.links)):
            name = self.links.get(name, name)
        return name


def check_archive(
    path: Path, deadline: Deadline, required: Collection[str] = REQUIRED
) -> list[str]:
    """Check that an archive is complete and can be a container's environment.

    Parameters
    ----------
    path : pathlib.Path
        The archive.
    deadline : Deadline
        To read it.
    required : collection of str, optional
        Packages that it must contain.

    Returns
    -------
    list of str
        Warnings about what cannot be checked on this machine.

    Raises
    ------
    UsageError
        When it is damaged, not an environment, or lacks what a container needs.
    """
    contents = _Contents()
    try:
        # Not tarfile's own gzip, which does not check checksums.
        with _opened(path, deadline) as packed, gzip.open(packed) as file:
            with tarfile.open(fileobj=file, mode="r|") as archive:
                for member in archive:
                    contents.add(archive, member)
            while file.read(CHUNK):
                pass
    except PackTimeoutError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise UsageError(
            f"{path} is damaged or no gzipped tar archive: {reason}; "
            "next: pack it again with yarnkernel env pack"
        ) from exc
    for name in ("bin/python", "bin/activate"):
        if name not in contents.names:
            inner = next((n for n in contents.names if n.endswith(f"/{name}")), None)
            where = f", but {inner}: bin has to be at its top" if inner else ""
            raise UsageError(f"{path} is no packed environment: it has no {name}{where}")
    missing = missing_packages(contents.packages, contents.python_version, required)
    if missing:
        raise UsageError(
            f"{path} lacks what a kernel's container needs: {', '.join(missing)}; "
            "next: install them in its environment and pack it again"
        )
    return _python_warnings(path, contents)


def _python_warnings(path: Path, contents: _Contents) -> list[str]:
    name = contents.python()
    if name.startswith("/"):
        return [f"the Python of {path.name} is {name}, which every node has to have too"]
    head = contents.heads.get(name, b"")
    if head.startswith(b"#!"):
        return []
    if not head.startswith(b"\x7fELF"):
        raise UsageError(f"{path} is no environment for Linux: its {name} is no program of Linux")
    with Path(sys.executable).open("rb") as file:
        here = file.read(_ELF_MACHINE.stop)
    if head[_ELF_MACHINE] == here[_ELF_MACHINE]:
        return []
    (machine,) = struct.unpack("<H" if head[5] == 1 else ">H", head[_ELF_MACHINE])
    return [f"the Python of {path.name} is for another processor (ELF machine {machine}) than here"]
