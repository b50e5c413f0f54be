"""``--with-notebook-dir``: the modules beside a notebook are there where its directory is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import Kernel
from yarnkernel.errors import UsageError
from yarnkernel.kernels.notebook_directory import MOST_FILES, MOST_SIZE, with_modules
from yarnkernel.kernels.options import LaunchOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell

LOOK = """
import os, beside, package.inner
print(beside.NAME, package.inner.NAME, os.path.exists("data.csv"), os.path.exists("plain"))
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory as notebooks have it."""
    directory = tmp_path / "note books"
    (directory / "package").mkdir(parents=True)
    (directory / "plain").mkdir()
    (directory / "data.csv").write_text("a\n1\n")
    (directory / "beside.py").write_text("NAME = 'module'")
    (directory / "package/__init__.py").touch()
    (directory / "package/inner.py").write_text("NAME = 'package'")
    return directory


@pytest.mark.parametrize("interface", ["yarn", "local"])
def test_modules(
    shell: Shell, directory: Path, stop_later: Callable[[str], str], interface: str
) -> None:
    """All is there where the node has the directory; where not, the modules alone."""
    there = "module package True True\n"
    lacking = "--launch-arg=--prefer-directory=/no/such/directory"  # the recipe's, the last one
    for options, seen in (((), there), ((lacking,), there.replace("True", "False"))):
        start = ("start", "--with-notebook-dir", "--interface", interface, "-f", "kernel.json")
        kernel = stop_later(shell.yarnkernel(*start, *options, cwd=directory).ok().out)
        with Kernel(json.loads((directory / "kernel.json").read_text())) as client:
            assert client.run(LOOK) == seen
        shell.yarnkernel("stop", kernel).ok()


def test_names_that_are_given(directory: Path) -> None:
    """What --file brings under a name is what its user wants there."""
    options = LaunchOptions(with_notebook_dir=True, files=["/other/x.py:beside.py"])
    assert with_modules(options, directory).files == [
        "/other/x.py:beside.py",
        str(directory / "package"),
    ]
    assert with_modules(LaunchOptions(), directory) == LaunchOptions()


def test_limits(directory: Path) -> None:
    options = LaunchOptions(with_notebook_dir=True)
    with (directory / "package/large").open("wb") as file:
        file.truncate((MOST_SIZE + 1) << 20)
    with pytest.raises(UsageError, match=r"4 files of 11\.0 MiB.*--environment"):
        with_modules(options, directory)
    (directory / "package/large").unlink()
    for number in range(MOST_FILES):
        (directory / f"m{number}.py").touch()
    with pytest.raises(UsageError, match=f"{MOST_FILES + 3} files"):
        with_modules(options, directory)
    with pytest.raises(UsageError, match="No such file"):
        with_modules(options, directory / "none")


def test_odd_entries(directory: Path) -> None:
    """A link that leads nowhere, as editors leave them, and a directory that is another's."""
    (directory / "package/.#inner.py").symlink_to("/no/such/file")
    (directory / "lost.py").symlink_to("/no/such/file")
    (directory / "closed").mkdir(mode=0)
    options = LaunchOptions(with_notebook_dir=True)
    names = [file.rpartition("/")[2] for file in with_modules(options, directory).files]
    assert names == ["beside.py", "package"]
