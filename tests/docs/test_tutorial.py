"""README's commands and the tutorial's, typed as they stand by a newcomer with an empty home."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pexpect
import psutil
import pytest
import requests

from tests.conftest import CACHE, REPOSITORY, clean_environment, own_processes, wait_for
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Client
from tests.support.documents import commands
from yarnkernel.local.class_archive import MAKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

README = REPOSITORY / "README.rst"
TUTORIAL = REPOSITORY / "docs" / "tutorial.rst"
PROMPT = "ready for the next line> "
GIT = (
    "git",
    "-c",
    "user.name=us",
    "-c",
    "user.email=us@example.org",
    "-c",
    "init.defaultBranch=main",
)


def publish(directory: Path) -> str:
    """Make the repository that README clones, of the files that are here now."""
    unwanted = shutil.ignore_patterns(".venv", ".git", ".*_cache", "__pycache__", "_build")
    shutil.copytree(REPOSITORY, directory, ignore=unwanted)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "All"]):
        subprocess.run([*GIT, *arguments], cwd=directory, check=True, timeout=60)
    return str(directory)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """A shell in an empty directory, for which the repository is where README says."""
    home = tmp_path / "home"
    (jupyter := home / ".jupyter").mkdir(parents=True)
    # What people answer to a server: tests may run as root, and have no browser.
    answers = {"ServerApp": {"allow_root": True, "open_browser": False}}
    (jupyter / "jupyter_server_config.json").write_text(json.dumps(answers))
    (address,) = (
        words[2] for words in map(str.split, commands(README)) if words[:2] == ["git", "clone"]
    )
    environment = clean_environment(home) | {
        "PS1": PROMPT,
        "TERM": "dumb",
        "XDG_CACHE_HOME": str(CACHE),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{publish(tmp_path / 'published')}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        # What is imported is compiled then; most of it never is.
        "PIP_NO_COMPILE": "0",  # the value of the setting "compile"
    }
    environment["PATH"] = environment["PATH"].partition(":")[2]
    (empty := tmp_path / "newcomer").mkdir()
    shell = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        cwd=str(empty),
        env=environment,
        encoding="utf-8",
        timeout=300,
        dimensions=(50, 300),
    )
    shell.expect_exact(PROMPT)
    yield shell
    for _ in range(2):  # of a test that failed: what runs in the foreground
        shell.sendintr()
    shell.sendline("yarnkernel cluster stop")
    shell.expect_exact(PROMPT)
    shell.close(force=True)


def leave_classes() -> None:
    """End what waits to make an archive of classes: this Java's would be of use to nobody else."""
    for process in own_processes():
        with contextlib.suppress(psutil.Error):
            if MAKER in process.cmdline():
                process.kill()


def use_console(shell: pexpect.spawn[str]) -> None:
    shell.expect_exact("In [1]: ", timeout=60)
    shell.sendline("6 * 7")
    shell.expect_exact("42")
    shell.expect_exact("In [2]: ")
    shell.sendline("exit")


def is_there(server: Client) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return server.ask("GET", "api").ok
    return False


def use_lab(shell: pexpect.spawn[str]) -> None:
    """What the launcher's card does, and a cell; then Ctrl-C in the terminal."""
    shell.expect(r"(http://127\.0\.0\.1:\d+/)lab\?token=(\w+)", timeout=120)
    assert isinstance(shell.match, re.Match)
    server = Client(*shell.match.groups())
    wait_for(lambda: is_there(server), 30, "the server that has told its address listens")
    kernel = server.request("POST", "api/kernels", name="yarn")
    with Channels(server, kernel["id"]) as channels:
        assert channels.result(channels.send("6 * 7")) == "42"
    server.request("DELETE", f"api/kernels/{kernel['id']}")
    server.close()
    shell.sendintr()
    shell.expect_exact("y/[n]", timeout=60)
    shell.sendline("y")


USES = {"jupyter lab": use_lab, "jupyter console": use_console, "yarnkernel console": use_console}


@pytest.mark.timeout(900)
def test_tutorial(newcomer: pexpect.spawn[str]) -> None:
    demo, test, *quick_start = commands(README)
    assert [demo, test] == ["./scripts/demo", "./scripts/test"]
    typed = commands(TUTORIAL)
    assert typed[: len(quick_start)] == quick_start
    used = set()
    for command in typed:
        newcomer.sendline(command)
        for beginning, use in USES.items():
            if command.startswith(beginning):
                use(newcomer)
                used.add(beginning)
        newcomer.expect_exact(PROMPT)
        said = newcomer.before
        newcomer.sendline("echo code $?")
        newcomer.expect_exact(PROMPT)
        assert re.search(r"code 0\b", newcomer.before or ""), f"{command}: {said}"
        if command == "yarnkernel cluster start":
            leave_classes()
    assert used == USES.keys()
