"""Jupyter's own conformance suite: a kernel on YARN passes what a local one passes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import finish

if TYPE_CHECKING:
    from tests.conftest import Shell

PROGRAM = Path(__file__).with_name("programs") / "conformance.py"


def test_conformance(jupyter: Shell, kernel_name: str) -> None:
    runs = [jupyter.start("python", PROGRAM, name) for name in ("python3", kernel_name)]
    (local, local_log), (yarn, yarn_log) = [finish(run, 120) for run in runs]
    assert json.loads(yarn) == json.loads(local), f"{local_log}\n{yarn_log}"
    assert len(json.loads(yarn)["passed"]) >= 12, yarn_log
