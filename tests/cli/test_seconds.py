"""Seconds that nobody can wait for, wherever they are given: one clear line, and exit code 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from yarnkernel.cli import main
from yarnkernel.errors import UsageError
from yarnkernel.kernels.launch_variables import launch_settings
from yarnkernel.kernels.options import LaunchOptions

NONE = ["inf", "-inf", "nan", "1e300", "1e12", "1e400", "0", "-1", "soon", ""]


@pytest.mark.parametrize("text", NONE)
@pytest.mark.parametrize(
    "command",
    [
        ("start",),
        ("connect", "application_1_0001"),
        ("stop", "application_1_0001"),
        ("console", "x"),
    ],
)
def test_timeouts_of_commands(
    command: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, f"--timeout={text}"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "argument --timeout: " in shown.err


@pytest.mark.parametrize("text", [*NONE[:8], str(10**400)])
def test_timeouts_of_front_ends(text: str) -> None:
    with pytest.raises(UsageError, match="timeout"):
        LaunchOptions.from_dict(launch_settings({"KERNEL_LAUNCH_TIMEOUT": text}))
    with pytest.raises(UsageError, match="timeout"):
        LaunchOptions.from_dict({"timeout": float(text)})


def test_longest_timeout_is_one() -> None:
    assert LaunchOptions.from_dict({"timeout": 1728000}).timeout == 1728000.0


@pytest.mark.parametrize("option", ["start-timeout", "orphan-timeout", "idle-timeout"])
def test_seconds_of_the_recipe(option: str) -> None:
    never = ["0"] if option == "start-timeout" else []
    for text in ("inf", "nan", "1e300", "-1", "soon", *never):
        shown = subprocess.run(
            [sys.executable, "-m", "yarnkernel.recipe", f"--{option}={text}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert shown.returncode == 2
        assert f"argument --{option}: " in shown.stderr
        assert "Traceback" not in shown.stderr
