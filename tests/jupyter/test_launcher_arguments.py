"""The forms in which front ends run a kernelspec's command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.vs_code import connection_info
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.launcher_arguments import read_arguments

if TYPE_CHECKING:
    from pathlib import Path


def test_arguments_after_the_connection_file(tmp_path: Path) -> None:
    """As `jupyter run` appends them; options of the kernel among them."""
    (tmp_path / "kernel.json").write_text(json.dumps(info := connection_info()))
    argv = ["--launch-arg=--pylab", str(tmp_path / "kernel.json"), "a file.py", "--quiet", "-x"]
    options, front = read_arguments(argv)
    assert options.launch_arg == ["--pylab", "a file.py", "--quiet", "-x"]
    assert front == info


def test_old_vs_code(tmp_path: Path) -> None:
    """Before 2024 it named ports and key on the command line, and wrote no file."""
    argv = (
        '--spec S --ip=127.0.0.1 --stdin=5 --control=4 --hb=3 --Session.key=b"k" --shell=1 '
        '--Session.signature_scheme="hmac-sha256" --transport="tcp" --iopub=2'
    )
    options, front = read_arguments([*argv.split(), f"--f={tmp_path}/gone.json"])
    assert options.spec == "S"
    assert front == {
        "ip": "127.0.0.1", "transport": "tcp", "key": "k", "signature_scheme": "hmac-sha256",
        "shell_port": 1, "iopub_port": 2, "hb_port": 3, "control_port": 4, "stdin_port": 5,
    }  # fmt: skip
    (tmp_path / "there.json").write_text(json.dumps(info := connection_info()))
    assert read_arguments(["--f", str(tmp_path / "there.json")])[1] == info


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "there is no connection file"),
        (["--f=gone.json", "--shell=1"], "cannot read the connection file gone.json"),
        (["gone.json"], "cannot read the connection file gone.json"),
    ],
)
def test_what_cannot_be_used(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((UsageError, SystemExit)) as caught:
        read_arguments(argv)
    assert message in f"{caught.value}{capsys.readouterr().err}"


def test_ports_that_are_none(tmp_path: Path) -> None:
    argv = [f"--{name}=x" for name in ("shell", "iopub", "stdin", "control", "hb")]
    with pytest.raises(UsageError, match="not a TCP port"):
        read_arguments([*argv, "--ip=127.0.0.1", "--Session.key=b'k'", f"--f={tmp_path}/gone"])
