"""Inspects and checks a conda or virtual environment on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlparse

from yarnkernel.errors import PackTimeoutError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from yarnkernel.deadline import Deadline

#: Packages that a container needs, in addition to Python.
REQUIRED = frozenset({"ipykernel", "skein"})
#: Packages that the recipe needs outside YARN, in addition to the kernel's.
REQUIRED_ON_HOSTS = frozenset({"jupyter-client", "psutil", "pyzmq"})
#: skein imports distutils, which setuptools provides for Pythons from this version on.
WITHOUT_DISTUTILS = (3, 12)


@dataclass(frozen=True)
class Prefix:
    """An environment on this machine.

    Attributes
    ----------
    path : pathlib.Path
        Its absolute path.
    kind : {"conda", "venv"}
        The tool that made it.
    python_version : tuple of int
        Major and minor version of its Python.
    site_packages : pathlib.Path
        Where its packages are.
    """

    path: Path
    kind: Literal["conda", "venv"]
    python_version: tuple[int, int]
    site_packages: Path

    @property
    def name(self) -> str:
        """Its name; see :func:`plain_name`."""
        return plain_name(self.path.name)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"


def plain_name(name: str) -> str:
    """Return a name without characters that are special in URLs, wildcards and shells."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.") or "environment"


def open_prefix(path: Path) -> Prefix:
    """Inspect an environment.

    Parameters
    ----------
    path : path
        Its prefix, the directory with ``bin/python``.

    Raises
    ------
    UsageError
        When it is not the prefix of a conda or virtual environment.
    """
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  (links stay what they are)
    if not path.is_dir():
        raise UsageError(f"there is no environment {path}")
    if (path / "conda-meta").is_dir():
        kind: Literal["conda", "venv"] = "conda"
    elif (path / "pyvenv.cfg").is_file():
        kind = "venv"
    else:
        raise UsageError(
            f"{path} is no environment: it has neither the conda-meta of conda nor the pyvenv.cfg "
            f"of venv; next: python -m venv NEW_PREFIX"
        )
    # conda makes links to it under other names.
    found = [
        directory
        for directory in path.glob("lib/python3.*/site-packages")
        if not directory.parent.is_symlink()
    ]
    if len(found) != 1 or not (path / "bin" / "python").exists():
        raise UsageError(f"{path} has no Python of its own, with bin/python and site-packages")
    version = re.fullmatch(r"python3\.(\d+)t?", found[0].parent.name)
    return Prefix(path, kind, (3, int(version[1]) if version else 0), found[0])


def missing_packages(
    names: Collection[str],
    python_version: tuple[int, int],
    required: Collection[str] = REQUIRED,
) -> list[str]:
    """Return the packages that a container needs and an environment lacks.

    Parameters
    ----------
    names : collection of str
        Names of its packages, as :func:`package_name` returns them.
    python_version : tuple of int
        Major and minor version of its Python.
    required : collection of str, optional
        The packages that are needed, in addition to Python.

    Returns
    -------
    list of str
        Names of packages.
    """
    needed = set(required)
    if "skein" in needed and python_version >= WITHOUT_DISTUTILS:
        needed.add("setuptools")
    return sorted(needed.difference(names))


def package_name(name: str) -> str:
    """Return a package's normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _editable_source(package: Distribution) -> str | None:
    """Return where an editable package's files are (PEP 610); None if they are in the prefix."""
    url = json.loads(package.read_text("direct_url.json") or "{}")
    if not url.get("dir_info", {}).get("editable"):
        return None
    return unquote(urlparse(url["url"]).path)


def check_packages(prefix: Prefix, *, to_pack: bool, required: Collection[str] = REQUIRED) -> None:
    """Check that an environment has what a container needs.

    Parameters
    ----------
    prefix : Prefix
        The environment.
    to_pack : bool
        Whether all files have to be in the prefix.
    required : collection of str, optional
        The packages that are needed, in addition to Python.

    Raises
    ------
    UsageError
        When something is missing; the message says how to add it.
    """
    packages = {}
    for package in distributions(path=[str(prefix.site_packages)]):
        # A partly removed package has no name.
        if name := package.metadata["Name"]:
            packages[package_name(name)] = package
    pip = f"{shlex.quote(str(prefix.python))} -m pip install"
    missing = missing_packages(packages, prefix.python_version, required)
    if missing:
        raise UsageError(
            f"{prefix.path} lacks what a kernel's container needs: {', '.join(missing)}; "
            f"next: {pip} {' '.join(missing)}"
        )
    sources = {name: _editable_source(package) for name, package in packages.items()}
    editable = {name: source for name, source in sources.items() if source}
    if to_pack and editable:
        raise UsageError(
            f"{prefix.path} has editable packages, whose files are not in it: "
            f"{', '.join(sorted(editable))}; "
            f"next: {pip} --no-deps {shlex.join(sorted(editable.values()))}"
        )


def _entries(directory: str) -> Iterator[os.DirEntry[str]]:
    """Yield everything below a directory in a fixed order, except for Python's bytecode caches."""
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name != "__pycache__":
                yield from _entries(entry.path)
        else:
            yield entry


def fingerprint(prefix: Prefix, deadline: Deadline) -> str:
    """Return a digest of an environment's state: names, sizes and times of its files.

    Like ``make``: a change that keeps a file's size and time is not noticed, and an environment
    that is made again has another fingerprint.

    Parameters
    ----------
    prefix : Prefix
        The environment.
    deadline : Deadline
        To look at all files.

    Returns
    -------
    str
        Hexadecimal digits, the same as long as nothing changes.

    Raises
    ------
    UsageError
        When a directory cannot be read.
    PackTimeoutError
        When the deadline passes first.
    """
    digest = hashlib.sha256(os.fsencode(prefix.path))
    try:
        for entry in _entries(str(prefix.path)):
            if deadline.passed:
                break
            status = entry.stat(follow_symlinks=False)
            state = (
                Path(entry.path).readlink()
                if entry.is_symlink()
                else f"{status.st_mode} {status.st_size} {status.st_mtime_ns}"
            )
            digest.update(os.fsencode(f"{entry.path}\0{state}\0"))
    except OSError as exc:
        raise UsageError(f"{exc.filename} cannot be read: {exc.strerror}") from exc
    if deadline.passed:
        raise PackTimeoutError(
            f"{prefix.path} is not looked through within {deadline.seconds:.0f} s; "
            "next: try again with a longer --timeout"
        )
    return digest.hexdigest()
