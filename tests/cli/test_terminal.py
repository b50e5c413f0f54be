"""What commands show on terminals, narrow ones and wide ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.conftest import BIN, wait_for
from tests.support.resource_manager import has_ended
from yarnkernel.cli.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell

LONG = "a-notebook-with-a-name-that-takes-up-all-of-the-space-there-is"


def terminal(shell: Shell, *arguments: str, columns: int = 100) -> pexpect.spawn[str]:
    # What says how wide some other terminal is would count more than this one.
    known = {k: v for k, v in shell.environment.items() if k not in ("COLUMNS", "LINES")}
    return pexpect.spawn(
        str(BIN / "yarnkernel"),
        list(arguments),
        env={**known, "TERM": "xterm"},
        cwd=str(shell.directory),
        dimensions=(24, columns),
        encoding="utf-8",
        timeout=60,
    )


def shown(shell: Shell, *arguments: str, columns: int = 100) -> str:
    process = terminal(shell, *arguments, columns=columns)
    process.expect(pexpect.EOF)
    return re.sub(r"\x1b\[\d*[mK]", "", process.before or "").replace("\r", "")


@pytest.fixture(scope="module")
def kernels(shell: Shell) -> Iterator[dict[str, str]]:
    """A kernel with a long name, and one with a short one."""
    submit = ("submit", "--memory", "400 MiB")
    names = (LONG, "short")
    ids = [shell.yarnkernel(*submit, "--name", name).ok().out.strip() for name in names]
    yield dict(zip(names, ids, strict=True))
    shell.yarnkernel("stop", "--force", *ids)


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_list_never_cuts_an_id(shell: Shell, kernels: dict[str, str], columns: int) -> None:
    lines = shown(shell, "list", columns=columns).splitlines()
    for name, kernel in kernels.items():
        (line,) = (line for line in lines if kernel in line)
        assert len(line) <= columns
        if columns >= 80:
            assert name[:9] in line
    if columns >= 100:
        assert "STATE" in lines[0]
        assert "MEMORY" in lines[0]


def test_columns_are_dropped_in_their_order() -> None:
    table = Table(
        ("ID", "NAME", "QUEUE", "TIME"),
        [("application_1", "a name that is long", "default", "0:01")],
        dropped=("QUEUE", "TIME"),
        cut="NAME",
    )
    assert table.lines()[1] == "application_1  a name that is long  default  0:01"
    assert table.lines(44)[1] == "application_1  a name that i…  default  0:01"
    assert table.lines(34)[1] == "application_1  a name that…  0:01"
    assert table.lines(30)[1] == "application_1  a name that is…"
    assert table.lines(1)[1] == "application_1  a name th…"


def test_names(shell: Shell, kernels: dict[str, str]) -> None:
    short = kernels["short"]
    number = str(int(short.rpartition("_")[2]))
    for text in (short, "short", "sho", number, number.zfill(4)):
        assert shell.yarnkernel("status", text, "--json").ok().document["id"] == short
    assert "no kernel of yours is called 'shorter'" in shell.yarnkernel("logs", "shorter").error(2)
    error = shell.yarnkernel("interrupt").error(2)
    assert "you have several kernels: " in error
    assert f"{short} (short)" in error


def test_name_of_one_that_has_ended(shell: Shell) -> None:
    kernel = shell.yarnkernel("start", "--name", "gone by now").ok().out.strip()
    shell.yarnkernel("stop", kernel).ok()
    error = shell.yarnkernel("interrupt", "gone by now").error(2)
    assert f"{kernel} (gone by now) has ended: FINISHED SUCCEEDED" in error
    assert f"next: yarnkernel logs {kernel}" in error


def test_stop_all_asks_on_a_terminal(shell: Shell, kernels: dict[str, str]) -> None:
    dry = shell.yarnkernel("stop", "--all", "--dry-run").ok().out
    assert {line.split()[0] for line in dry.splitlines()} == set(kernels.values())
    process = terminal(shell, "stop", "--all")
    process.expect_exact("end all 2 kernels? [y/N] ")
    process.sendline("n")
    process.expect_exact("nothing was ended")
    process.expect(pexpect.EOF)
    process.close()
    assert process.exitstatus == 1
    assert set(shell.yarnkernel("list", "--ids").ok().out.split()) == set(kernels.values())


def test_start_lives_while_it_waits(shell: Shell) -> None:
    """And its connection file goes with the kernel."""
    command = "sh -c 'sleep 3; exec python -m ipykernel_launcher -f \"$0\"' {connection_file}"
    process = terminal(shell, "start", "--name", "slow", "--kernel-cmd", command)
    for _ in range(2):
        process.expect(r"\[ +\d+\.\d s\] application_\S+ RUNNING on \S+\r\x1b\[K")
    process.expect_exact("next: yarnkernel console ")
    process.expect(pexpect.EOF)
    kernel = str(process.before).partition(",")[0]
    runtime = shell.run("jupyter", "--runtime-dir").ok().out.strip()
    file = Path(runtime, f"kernel-{kernel}.json")
    assert json.loads(file.read_text())["key"]
    shell.yarnkernel("stop", "slow").ok()
    assert not file.exists()


def test_tail_counts_lines(shell: Shell) -> None:
    numbers = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done"
    command = f"sh -c '{numbers}; exit 3' {{connection_file}}"
    shell.yarnkernel("start", "--name", "talks", "--kernel-cmd", command).error(1)
    out = shell.yarnkernel("logs", "talks", "--tail", "2500").ok().out
    assert len(out.splitlines()) == 2500
    assert "line 3000\n" in out
    assert len(shell.yarnkernel("logs", "talks", "--tail", "1").ok().out.splitlines()) == 1


def test_console_alone(shell: Shell) -> None:
    """It takes the newest kernel, and starts one where there is none."""
    shell.yarnkernel("stop", "--all").ok()
    assert "42" in shell.yarnkernel("console", given="x = 6 * 7\nx\n").out
    (kernel,) = shell.yarnkernel("list", "--ids").ok().out.split()
    assert "43" in shell.yarnkernel("console", given="x + 1\nexit\n").out
    wait_for(lambda: has_ended(shell, kernel), 30, "its end")
