"""A channel of conda packages, made of a Python and packages that are installed here."""

from __future__ import annotations

import asyncio
import io
import json
import platform
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import rattler
from rattler.index import index_fs

if TYPE_CHECKING:
    from collections.abc import Iterable

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Parts of the standard library that no kernel needs, and of which a node would take some time.
UNWANTED = {"test", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages", "__pycache__"}
UNWANTED |= {"distutils", "turtledemo", "pydoc_data"}
#: Packages that a container needs; a kernel finds the others where they are on this machine.
PACKAGES = ("ipykernel", "skein", "setuptools")


def _zstandard(content: bytes) -> bytes:
    """What a decompressor of Zstandard takes, without any compression (RFC 8878, 3.1.1).

    To compress the packages takes a processor as long as the test that needs them.
    """
    block = 1 << 17
    # Eight bytes tell the size; the window is as large as a block.
    frame = [b"\x28\xb5\x2f\xfd\xc0\x38", len(content).to_bytes(8, "little")]
    for begin in range(0, len(content), block):
        part = content[begin : begin + block]
        is_last = begin + block >= len(content)
        frame += [(len(part) << 3 | is_last).to_bytes(3, "little"), part]
    return b"".join(frame)


def write_package(
    channel: Path, name: str, version: str, files: Iterable[tuple[Path, str]], placeholder: str = ""
) -> None:
    """Write a package with these files, each with its path in the prefix.

    For the format, see "Conda package specification" in the documentation of conda-build.
    """
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": []}
    paths = []
    payload, information = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=payload, mode="w") as package:
        for source, path in files:
            package.add(source, path, recursive=False)
            entry = {
                "_path": path,
                "path_type": "softlink" if source.is_symlink() else "hardlink",
            }
            if placeholder and path.startswith("bin/"):
                entry |= {"prefix_placeholder": placeholder, "file_mode": "text"}
            paths.append(entry)
    with tarfile.open(fileobj=information, mode="w") as package:
        for path, document in (
            ("info/index.json", {**index, "subdir": SUBDIR}),
            ("info/paths.json", {"paths_version": 1, "paths": paths}),
        ):
            content = json.dumps(document).encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    stem = f"{name}-{version}-0"
    with zipfile.ZipFile(channel / SUBDIR / f"{stem}.conda", "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        archive.writestr(f"info-{stem}.tar.zst", _zstandard(information.getvalue()))
        archive.writestr(f"pkg-{stem}.tar.zst", _zstandard(payload.getvalue()))


def files_of_python(links: Path, others: Path) -> list[tuple[Path, str]]:
    """The running Python without its packages, and in a directory the links that lead to it.

    It looks for other packages in a directory.
    """
    library = Path(sysconfig.get_path("stdlib"))
    files = [
        (path, f"lib/{PYTHON}/{inner}")
        for path in library.rglob("*")
        if path.is_file()
        and UNWANTED.isdisjoint((inner := path.relative_to(library)).parts)
        and not inner.parts[0].startswith("config-")
    ]
    files.append((Path(sys.executable).resolve(), f"bin/{PYTHON}"))
    for name in ("python", "python3"):
        (links / name).symlink_to(PYTHON)
        files.append((links / name, f"bin/{name}"))
    (links / "others.pth").write_text(f"{others}\n")
    return [*files, (links / "others.pth", f"lib/{PYTHON}/site-packages/others.pth")]


def make_channel(channel: Path, prefix: Path) -> None:
    """Make a channel of the running Python and of packages of a virtual environment."""
    (channel / SUBDIR).mkdir(parents=True)
    site_packages = prefix / "lib" / PYTHON / "site-packages"
    python = files_of_python(channel, site_packages)
    write_package(channel, "python", platform.python_version(), python)
    for package in distributions(path=[str(site_packages)]):
        if package.metadata["Name"].lower() not in PACKAGES:
            continue
        sources = [Path(str(package.locate_file(f))).resolve() for f in package.files or []]
        files = [(p, str(p.relative_to(prefix))) for p in sources if p.is_file()]
        write_package(
            channel, package.metadata["Name"].lower(), package.version, files, str(prefix)
        )
    asyncio.run(index_fs(channel))


def install(channel: Path, prefix: Path, cache: Path) -> None:
    """Install all packages of a channel, as conda does."""
    names = [path.name.rsplit("-", 2)[0] for path in (channel / SUBDIR).glob("*.conda")]

    async def solve_and_install() -> None:
        source = rattler.Channel(channel.as_uri())
        records = await rattler.solve([source], names, platforms=[rattler.Subdir(SUBDIR)])
        await rattler.install(records, prefix, cache_dir=cache, show_progress=False)

    asyncio.run(solve_and_install())
