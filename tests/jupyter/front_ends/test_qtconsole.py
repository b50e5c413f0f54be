"""jupyter qtconsole, a real one, on Qt's platform without a screen."""

from __future__ import annotations

import ctypes.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Shell
    from tests.jupyter.front_ends.conftest import RunningKernel

PROGRAM = Path(__file__).with_name("programs") / "qtconsole_session.py"


def use(shell: Shell, *arguments: str) -> None:
    if missing := [
        name for name in ("EGL", "GL", "xkbcommon") if not ctypes.util.find_library(name)
    ]:
        pytest.skip(f"Qt needs lib{', lib'.join(missing)}")
    qt = shell.using(QT_QPA_PLATFORM="offscreen", QT_API="pyside6")
    seen = qt.run("python", PROGRAM, *arguments).ok().document
    assert "Out[1]: 42" in seen["value"] or "]: 42" in seen["value"]
    assert seen["image"]
    assert seen["completed"] == "import collections"
    assert "'Hello Ada'" in seen["answer"]


def test_kernel_that_runs(jupyter: Shell, running_kernel: RunningKernel) -> None:
    use(jupyter, "--existing", str(running_kernel.connection_file))
    with running_kernel.client() as client:
        assert client.run("6 * 7") == "42"


def test_kernel_of_its_own(jupyter: Shell, kernel_name: str) -> None:
    use(jupyter, "--kernel", kernel_name)
