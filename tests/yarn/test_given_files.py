"""Files and directories of this machine in the kernel's container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell

SHOW = """
import os
os.chdir(os.environ["YARNKERNEL_FILES"])
print(open("a file").read(), open("data/sub/a").read(), os.access("data/sub/run", os.X_OK))
"""


@pytest.mark.both_ways
def test_files_arrive(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "a").write_text("below")
    (tmp_path / "data" / "sub" / "run").write_text("")
    (tmp_path / "data" / "sub" / "run").chmod(0o755)
    (tmp_path / "file").write_text("content")
    options = ("--file", tmp_path / "data", "--file", f"{tmp_path / 'file'}:a file")
    kernel = stop_later(shell.yarnkernel("start", *options, "--workdir", "/").ok().out)
    with Kernel(shell.yarnkernel("connect", kernel).ok().document) as client:
        assert client.run(SHOW) == "content below True\n"


def test_name_that_the_specification_has(shell: Shell, tmp_path: Path) -> None:
    (spec := tmp_path / "spec.yaml").write_text(
        "master: {script: exit 0, files: {taken: /etc/passwd}}\n"
    )
    error = shell.yarnkernel("start", spec, "--file", "/etc/group:taken").error(2)
    assert "the specification has a file 'taken'" in error
