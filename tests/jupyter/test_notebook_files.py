"""``%yarnkernel get`` and ``put`` in a kernel of a front end whose directory its node has not."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.kernels import Kernel
from yarnkernel.errors import UsageError
from yarnkernel.kernels.notebook_files import inside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell

#: A front end: a kernelspec, the notebook's directory, cells; prints what each of them shows.
FRONT_END = """
import json, sys
from jupyter_client import KernelManager
name, directory, *cells = sys.argv[1:]
manager = KernelManager(kernel_name=name)
manager.start_kernel(cwd=directory)
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
shown = []
def show(message):
    content = message["content"]
    shown[-1] += content.get("text", "") + content.get("evalue", "")
for cell in cells:
    shown.append("")
    client.execute_interactive(cell, output_hook=show, timeout=120)
manager.shutdown_kernel()
print(json.dumps(shown))
"""
#: Makes files that are the kernel's alone: it works in another directory than its notebook.
PREPARE = """
%load_ext yarnkernel
import hashlib, os, pathlib
os.chdir(os.environ["HOME"])
large = os.urandom((2 << 20) + 7)
pathlib.Path("large.bin").write_bytes(large)
pathlib.Path("empty").touch()
print(hashlib.sha256(large).hexdigest())
"""


@pytest.mark.parametrize("interface", ["yarn", "local"])
def test_get_and_put(shell: Shell, tmp_path: Path, interface: str) -> None:
    prefix, directory = tmp_path / "prefix", tmp_path / "note books"
    (directory / "sub").mkdir(parents=True)
    (directory / "given.csv").write_text("a,b\n")
    (directory / "link").symlink_to(tmp_path)
    add = ("kernelspec", "add", "--prefix", prefix, "--interface", interface)
    shell.yarnkernel(*add, "--name", "open", "--with-notebook-dir").ok()
    shell.yarnkernel(*add, "--name", "closed").ok()
    front = shell.using(JUPYTER_PATH=str(prefix / "share/jupyter"))

    def run(name: str, *cells: str) -> list[str]:
        command = (sys.executable, "-c", FRONT_END, name, str(directory), PREPARE, *cells)
        shown = json.loads(front.run(*command).ok().out.splitlines()[-1])
        return [str(one) for one in shown]

    digest, *rest = run(
        "open",
        "%yarnkernel get large.bin",
        "%yarnkernel get empty sub/nothing",
        "%yarnkernel get large.bin ../out",
        "%yarnkernel get large.bin link/out",
        "%yarnkernel get none",
        "%yarnkernel put given.csv renamed.csv\nprint(open('renamed.csv').read())",
        "%yarnkernel put sub",
        "%yarnkernel get",
    )
    assert hashlib.sha256((directory / "large.bin").read_bytes()).hexdigest() in digest
    assert (directory / "sub/nothing").read_bytes() == b""
    assert "large.bin: 2097159 bytes, to the notebook's directory" in rest[0]
    assert "'../out' is not in the notebook's directory" in rest[2]
    assert "'link/out' is" in rest[3]
    assert "none: there is no such file" in rest[4]
    assert rest[5].endswith("a,b\n\n")
    assert "sub is no file" in rest[6]
    assert "%yarnkernel put NAME [FILE]" in rest[7]
    assert {path.name for path in tmp_path.iterdir()} == {"prefix", "note books"}
    names = {"given.csv", "large.bin", "link", "sub"}
    assert {path.name for path in directory.iterdir()} == names, "no part of a file is left"

    _, refused = run("closed", "%yarnkernel put given.csv")
    assert "next: yarnkernel kernelspec set NAME --with-notebook-dir" in refused


def test_no_front_end(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """Of a kernel that somebody has started in a terminal, nobody carries files."""
    app_id = stop_later(shell.yarnkernel("start").ok().out)
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        kernel.run("%load_ext yarnkernel\nopen('x', 'w').close()")
        assert "no front end takes files" in kernel.run("%yarnkernel get x")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/hosts",
        "../x",
        "a/../../x",
        "link/x",
        "link",
        ".bashrc",
        ".ssh/x",
        "config/x",
    ],
)
def test_names_that_lead_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/link").symlink_to("/tmp")  # noqa: S108  (nobody goes there)
    (tmp_path / "inner/.config").mkdir()
    (tmp_path / "inner/config").symlink_to(".config")
    with pytest.raises(UsageError, match="notebook's directory"):
        inside(str(tmp_path / "inner"), name)
