"""An environment of few files, for what one of many would show as well."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import BIN

if TYPE_CHECKING:
    from pathlib import Path

SITE_PACKAGES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
#: What it tells of itself; the packages are elsewhere.
PACKAGES = ("ipykernel", "skein", "setuptools")
#: Bytes, so that an upload has something to do.
SIZE = 10_000_000


def make_small_venv(prefix: Path, whole: Path) -> None:
    """Make a virtual environment that has its packages from another one on this machine.

    In a container, YARN takes 4 ms for each file that it unpacks, and a kernel compiles all that
    it imports. That an environment has its packages with it is shown where one is packed.
    """
    command = [sys.executable, "-m", "venv", "--without-pip", str(prefix)]
    subprocess.run(command, check=True, timeout=60)
    for name in PACKAGES:
        (told,) = whole.glob(f"{SITE_PACKAGES}/{name}-*.dist-info")
        shutil.copytree(told, prefix / SITE_PACKAGES / told.name)
    # No plain path, which the packer takes for an editable package.
    line = f"import sys; sys.path.append({str(whole / SITE_PACKAGES)!r})\n"
    (prefix / SITE_PACKAGES / "whole.pth").write_text(line)
    (prefix / "data.bin").write_bytes(os.urandom(SIZE))


def pack_small_venv(prefix: Path, archive: Path) -> None:
    command = [f"{BIN}/yarnkernel", "env", "pack", str(prefix), "-o", str(archive)]
    subprocess.run(command, check=True, timeout=120)
