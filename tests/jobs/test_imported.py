"""Kernels that kernelspecs of other tools, and of kernels' own, describe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import Kernel
from tests.support.kernelspecs import kernels_of, write
from tests.support.peers import remote_ikernel, remote_kernel, sshpyk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Result, Shell
    from tests.support.daemons import BatchSystem

#: Runs a cell in a kernel that Jupyter starts by its kernelspec.
RUN = """
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=60)
def show(message):
    content = message["content"]
    print(content.get("text") or content.get("data", {}).get("text/plain", ""), end="")
client.execute_interactive(sys.argv[2], output_hook=show, timeout=60)
client.stop_channels()
manager.shutdown_kernel()
"""
WHERE = "import os, sys; print(sys.prefix, os.getcwd(), os.environ.get('WORD'))"


@pytest.fixture(scope="module")
def shell(ssh_shell: Shell) -> Iterator[Shell]:
    yield ssh_shell
    ssh_shell.yarnkernel("stop", "--all").ok()


def run(shell: Shell, started: Result, code: str) -> str:
    """Run code in a kernel that was started, and stop it."""
    kernel = started.ok().out.strip()
    with Kernel(shell.yarnkernel("connect", kernel).ok().document) as client:
        said = client.run(code)
    shell.yarnkernel("stop", kernel).ok()
    return said.strip()


def test_imported_from_remote_ikernel(shell: Shell, bare_python: Path, tmp_path: Path) -> None:
    """Front ends start it, where and how the other tool did."""
    kernels = kernels_of(shell)
    command = f"{bare_python.with_name('ipython')} kernel -f {{host_connection_file}}"
    write(
        kernels / "rik_ssh_box_python",
        remote_ikernel(
            *("--interface", "ssh", "--host", "box:2222", "--workdir", str(tmp_path)),
            *("--precmd", "export WORD='a word'", "--kernel_cmd", command),
        ),
    )
    shell.yarnkernel("kernelspec", "import", "remote_ikernel").ok()
    done = shell.run(sys.executable, "-c", RUN, "rik_ssh_box_python-yarnkernel", WHERE).ok()
    assert done.out == f"{bare_python.parent.parent} {tmp_path} a word\n"


def test_started_as_other_tools_say(shell: Shell, bare_python: Path) -> None:
    """Without being imported; options of the command line win."""
    kernels = kernels_of(shell)
    before = ("-pc", "export WORD=there", "-i", "~/.ssh/rsa", "-k", f"{bare_python} -m ipykernel")
    write(kernels / "remote_kernel-root-box", remote_kernel("root@box", before))
    started = shell.yarnkernel("start", "--kernelspec", "remote_kernel-root-box", "--name", "mine")
    assert "not taken over: -i ~/.ssh/rsa: put it into ~/.ssh/config" in started.err
    assert run(shell, started, WHERE).endswith(" there")

    config = {"ssh_host_alias": "box", "remote_python": "/usr/nowhere/python"}
    write(kernels / "ssh_python3", sshpyk(**config))
    options = ("--python", bare_python, "--env", "WORD=here")
    started = shell.yarnkernel("start", "--kernelspec", "ssh_python3", *options)
    assert run(shell, started, WHERE).endswith(" here")


def test_kernel_that_sshpyk_names(shell: Shell, bare_python: Path) -> None:
    """The kernelspec is looked up there."""
    there = bare_python.parent.parent / "share/jupyter/kernels/worded"
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write(
        there,
        {"argv": argv, "env": {"WORD": "of the host"}, "display_name": "w", "language": "python"},
    )
    config = {"ssh_host_alias": "box", "remote_python": str(bare_python)}
    write(kernels_of(shell) / "ssh_worded", sshpyk(**config, remote_kernel_name="worded"))
    started = shell.yarnkernel("start", "--kernelspec", "ssh_worded")
    assert run(shell, started, WHERE).endswith(" of the host")


def test_ours(shell: Shell, bare_python: Path) -> None:
    shell.yarnkernel(
        "kernelspec", "add", "--name", "ours", "--interface", "ssh", "--host", "box",
        "--python", bare_python, "--env", "WORD=ours", "--env", "OTHER=x", "--keep",
    ).ok()  # fmt: skip
    started = shell.yarnkernel("start", "--kernelspec", "OURS", "--env", "WORD=mine")
    said = run(shell, started, "import os; print(os.environ['WORD'], os.environ['OTHER'])")
    assert said == "mine x"


def test_job_that_remote_ikernel_describes(
    own_shell: Shell, slurm: BatchSystem, tmp_path: Path
) -> None:
    """On a machine where jobs are submitted: a batch job instead of a session."""
    shell = own_shell.using(**slurm.environment)
    command = "ipython kernel -f {host_connection_file}"
    options = ("--interface", "slurm", "--cpus", "2", "--workdir", str(tmp_path))
    arguments = ("--launch-args", "--partition=debug -t 10 --x11", "--kernel_cmd", command)
    write(kernels_of(shell) / "rik_slurm", remote_ikernel(*options, *arguments))
    started = shell.yarnkernel("start", "--kernelspec", "rik_slurm")
    assert "not taken over: --launch-args --x11: sbatch has no use for it" in started.err
    code = "import os; print(os.getcwd(), *map(os.environ.get, NAMES))"
    names = ("SLURM_JOB_PARTITION", "SLURM_CPUS_PER_TASK")
    assert run(shell, started, code.replace("NAMES", repr(names))) == f"{tmp_path} debug 2"


def test_kernels_own(shell: Shell, bare_python: Path) -> None:
    """On another host its paths need not be; that is said, and can be changed."""
    argv = ["/opt/none/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": "Python 3", "language": "python"}
    write(kernels_of(shell) / "plain", {**content, "env": {"WORD": "plain", "X": "${HOME}"}})
    place = ("--kernelspec", "plain", "--interface", "ssh", "--host", "box")
    failed = shell.yarnkernel("start", *place)
    assert "has paths of this machine (/opt/none/bin/python); if box has others" in failed.err
    assert "not taken over: env X: Jupyter put values of this machine into it" in failed.err
    assert "none of /opt/none/bin/python on this host" in failed.error(1)
    started = shell.yarnkernel("start", *place, "--python", bare_python)
    assert "paths of this machine" not in started.err
    assert run(shell, started, WHERE).endswith(" plain")


def test_kernels_own_on_this_machine(own_shell: Shell) -> None:
    """As Jupyter starts it, here."""
    directory = kernels_of(own_shell) / "other"
    argv = ["python", "-m", "bash_kernel", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": "Bash", "language": "bash"}
    write(directory, {**content, "env": {"WORD": "${LANG_OF_MINE} x", "PLACE": "a"}})
    shell = own_shell.using(LANG_OF_MINE="bash")
    place = ("--kernelspec", "other", "--interface", "local")
    started = shell.yarnkernel("start", *place, "--env", "PLACE=b")
    assert run(shell, started, "echo $WORD $PLACE") == "bash x b"

    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write(kernels_of(own_shell) / "ipython", {**content, "argv": argv})
    started = shell.yarnkernel("start", "--kernelspec", "ipython", "--interface", "local", "-v")
    assert run(shell, started, "import sys; print(sys.executable)") == sys.executable


def test_kernelspecs_that_cannot_be_started(own_shell: Shell) -> None:
    kernels = kernels_of(own_shell)
    write(kernels / "nothing", {"argv": [], "display_name": "x", "language": "x"})
    write(kernels / "nofile", {"argv": ["R"], "display_name": "x", "language": "x"})
    own_shell.yarnkernel("kernelspec", "add", "--name", "edited", "--interface", "local").ok()
    file = kernels / "edited" / "kernel.json"
    file.write_text(file.read_text().replace('"local"', '"moon"'))
    local = ("--interface", "local")
    for arguments, reason in (
        (("nosuch",), "there is no kernelspec 'nosuch'; next: jupyter kernelspec list"),
        (("nofile",), "'nofile' is a kernel's own, and says of no place; next: --interface local|"),
        (("nofile", "--interface", "yarn"), "says of no place; next: --interface local|ssh"),
        (("nofile", *local), "has no {connection_file} in it: R"),
        (("nothing", *local), "nothing has no command"),
        (("edited",), "edited: the option 'interface' has to be one of"),
        (("edited", *local), "edited: the option 'interface' has to be one of"),
    ):
        error = own_shell.yarnkernel("start", "--kernelspec", *arguments).error(2)
        assert reason in error
        assert len(error.splitlines()) == 1
