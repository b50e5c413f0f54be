"""A channel of conda packages, made of a Python and packages that are installed here."""

from __future__ import annotations

import asyncio
import io
import json
import platform
import sys
import sysconfig
import tarfile
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import rattler
from rattler.index import index_fs

if TYPE_CHECKING:
    from collections.abc import Iterable

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Parts of the standard library that no kernel needs.
UNWANTED = {"test", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages", "__pycache__"}


def write_package(
    channel: Path, name: str, version: str, files: Iterable[tuple[Path, str]]
) -> None:
    """Write a package with these files, each with its path in the prefix.

    The format is that of https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html.
    """
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": []}
    paths = []
    target = channel / SUBDIR / f"{name}-{version}-0.tar.bz2"
    with tarfile.open(target, "w:bz2", compresslevel=1) as package:
        for source, path in files:
            package.add(source, path, recursive=False)
            kind = "softlink" if source.is_symlink() else "hardlink"
            paths.append({"_path": path, "path_type": kind})
        for path, document in (
            ("info/index.json", {**index, "subdir": SUBDIR}),
            ("info/paths.json", {"paths_version": 1, "paths": paths}),
        ):
            content = json.dumps(document).encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))


def files_of_python(directory: Path) -> list[tuple[Path, str]]:
    """The running Python without its packages; ``directory`` is for links."""
    library = Path(sysconfig.get_path("stdlib"))
    files = [
        (path, f"lib/{PYTHON}/{path.relative_to(library)}")
        for path in library.rglob("*")
        if path.is_file()
        and UNWANTED.isdisjoint(path.relative_to(library).parts)
        and not path.relative_to(library).parts[0].startswith("config-")
    ]
    files.append((Path(sys.executable).resolve(), f"bin/{PYTHON}"))
    for name in ("python", "python3"):
        link = directory / name
        link.symlink_to(PYTHON)
        files.append((link, f"bin/{name}"))
    return files


def make_channel(channel: Path, site_packages: Path) -> None:
    """Make a channel of the running Python and all packages in a directory."""
    (channel / SUBDIR).mkdir(parents=True)
    (channel / "noarch").mkdir()
    write_package(channel, "python", platform.python_version(), files_of_python(channel))
    for package in distributions(path=[str(site_packages)]):
        files = [
            (Path(str(package.locate_file(file))).resolve(), file) for file in package.files or []
        ]
        write_package(
            channel,
            package.metadata["Name"].lower(),
            package.version,
            [
                (source, str(source.relative_to(site_packages.parents[2])))
                for source, _ in files
                if source.is_file() and "__pycache__" not in source.parts
            ],
        )
    asyncio.run(index_fs(channel))


def install(channel: Path, prefix: Path, cache: Path) -> None:
    """Install all packages of a channel, as conda does."""
    names = [path.name.rsplit("-", 2)[0] for path in (channel / SUBDIR).glob("*.tar.bz2")]

    async def solve_and_install() -> None:
        records = await rattler.solve(
            [rattler.Channel(channel.as_uri())], names, platforms=[SUBDIR, "noarch"]
        )
        await rattler.install(records, target_prefix=prefix, cache_dir=cache, show_progress=False)

    asyncio.run(solve_and_install())
