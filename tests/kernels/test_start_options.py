"""What ``yarnkernel start`` is told is what its kernel gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.kernels import RECIPE, Kernel, final_status, write_spec

if TYPE_CHECKING:
    from tests.conftest import Shell

LOOK = """
import json, os
print(json.dumps([os.getcwd(), os.environ["BEFORE"], answer, os.environ["WORD"]]))
"""


def test_options_of_a_start(shell: Shell, tmp_path: Path) -> None:
    """Of kernelspecs once, and times that win over those of the specification's script."""
    work = tmp_path / "work's"
    work.mkdir()
    spec = write_spec(tmp_path, f"{RECIPE} --idle-timeout 600 --pylab")
    options = (
        *("--workdir", work, "--precmd", "export BEFORE='$HOME {x}'"),
        *("--kernel-cmd", "env 'WORD=a b' python -m ipykernel_launcher -f {connection_file}"),
        *("--launch-arg=--IPKernelApp.exec_lines=answer=42", "--idle-timeout", "3", "--verbose"),
    )
    started = shell.yarnkernel("start", spec, *options, "--json").ok()
    app_id = started.document["id"]
    info = json.loads(Path(started.document["connection_file"]).read_text())
    with Kernel(info) as kernel:
        assert json.loads(kernel.run(LOOK)) == [str(work), "$HOME {x}", 42, "a b"]
    assert "submitted the direct way" in started.err or "skein way" in started.err
    assert "starting " in shell.yarnkernel("logs", app_id).ok().out
    assert final_status(shell, app_id) == "SUCCEEDED"
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    assert "nobody used it for 3 s (--idle-timeout)" in status["reason"]
