"""Notebooks and scripts that run without anybody looking on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.jupyter.front_ends.notebooks import outputs, write_notebook

if TYPE_CHECKING:
    from tests.conftest import Shell

PROGRAM = Path(__file__).with_name("programs") / "run_notebooks.py"


@pytest.mark.parametrize("kind", ["threads", "fork", "spawn"])
def test_nbclient_at_once(jupyter: Shell, kernel_name: str, tmp_path: Path, kind: str) -> None:
    paths = [
        write_notebook(
            tmp_path / f"{n}.ipynb", kernel_name, f"x = {n}", "6 * x", "import os; os.getpid()"
        )
        for n in range(2)
    ]
    jupyter.run("python", PROGRAM, kind, *paths).ok()
    results = [outputs(path) for path in paths]
    assert [result[1] for result in results] == ["0", "6"]
    assert len({result[2] for result in results}) == 2


def test_jupyter_execute(jupyter: Shell, kernel_name: str, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "a.ipynb", "python3", "6 * 7")
    named = f"--kernel_name={kernel_name}"
    jupyter.run("jupyter", "execute", path, "--output=b.ipynb", named, cwd=tmp_path).ok()
    assert outputs(tmp_path / "b.ipynb") == ["42"]


def test_papermill(jupyter: Shell, kernel_name: str, tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "a.ipynb", "python3", "alpha = 1", "6 * alpha", tags=("parameters",)
    )
    parameters = ("-p", "alpha", "7", "-k", kernel_name)
    jupyter.run("papermill", path, tmp_path / "b.ipynb", *parameters).ok()
    # The parameters are a cell of their own.
    assert outputs(tmp_path / "b.ipynb") == ["", "", "42"]


def test_jupyter_run(jupyter: Shell, kernel_name: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('the answer is', 6 * 7)\n1 / 0")
    result = jupyter.run("jupyter", "run", "--kernel", kernel_name, script)
    assert "the answer is 42" in result.out
    assert "ZeroDivisionError" in result.err
    assert result.code == 1


def test_kernel_that_is_killed(jupyter: Shell, kernel_name: str, tmp_path: Path) -> None:
    """Nobody waits for what it was to put out."""
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    path = write_notebook(tmp_path / "a.ipynb", kernel_name, code)
    result = jupyter.run("jupyter", "execute", path)
    assert result.code == 1
    assert "nbclient.exceptions.DeadKernelError: Kernel died" in result.err
