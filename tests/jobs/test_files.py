"""Files, directories and environments of this machine that travel to hosts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import BIN, finish, make_venv, wait_for
from tests.environment.test_pack import write_archive
from tests.support.kernels import Kernel
from yarnkernel.hosts import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Result, Shell
    from tests.support.ssh_host import SshHost

#: Names that mean something to shells, terminals and archives.
HOSTILE = ("a\nb", "-rf", "it's", 'a "b" $c', "..x", "\udcff", "ä", "x" * 200)


class Box:
    """A user with a host."""

    def __init__(self, shell: Shell, host: SshHost, python: Path) -> None:
        self.shell = shell
        self.host = host
        self.options = ("--interface", "ssh", "--host", "box", "--python", str(python))

    def start(self, *more: str | Path) -> str:
        return self.shell.yarnkernel("start", *self.options, *more).ok().out.strip()

    def run(self, kernel: str, code: str) -> str:
        with Kernel(self.shell.yarnkernel("connect", kernel).ok().document) as client:
            return client.run(code).strip()

    def sync(self, kernel: str, *more: str) -> Result:
        return self.shell.yarnkernel("sync", kernel, "--json", *more)


@pytest.fixture(scope="module")
def there(
    ssh_shell: Shell, box: SshHost, bare_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Box]:
    cache = tmp_path_factory.mktemp("cache")  # what is packed here is of no use to others
    shell = ssh_shell.using(XDG_CACHE_HOME=str(cache))
    yield Box(shell, box, bare_python)
    shell.yarnkernel("stop", "--all").ok()


def write_tree(directory: Path) -> None:
    (directory / "sub" / "empty").mkdir(parents=True)
    (directory / "sub" / "run").write_text("#!/bin/sh\n")
    (directory / "sub" / "run").chmod(0o750)
    (directory / "sub").chmod(0o755)
    (directory / "link").symlink_to("sub/run")
    (directory / "out").symlink_to("/etc/passwd")
    os.mkfifo(directory / "pipe")
    for name in HOSTILE:
        (directory / name).write_text(ascii(name))


SHOW = """
import json, os, stat
def show(top):
    for directory, below, names in os.walk(top):
        for name in below + names:
            path = os.path.join(directory, name)
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            yield os.path.relpath(path, top), os.path.islink(path), oct(mode)
print(ascii(sorted(show(os.environ["YARNKERNEL_FILES"]))))
"""


def test_files_arrive(there: Box, tmp_path: Path) -> None:
    """With their modes and under their names; a large one in pieces; they go with the kernel."""
    write_tree(tmp_path / "data")
    (big := tmp_path / "big").write_bytes(os.urandom(1 << 20) * 70)
    started = there.shell.yarnkernel(
        "start", *there.options, "--file", tmp_path / "data", "--file", f"{big}:large:er",
        "--file", f"{tmp_path / 'data' / 'sub' / 'run'}:program",
    )  # fmt: skip
    assert started.code == 2  # there is no big:large
    started = there.shell.yarnkernel(
        "start", *there.options, "--file", tmp_path / "data", "--file", f"{big}:larger",
        "--file", f"{tmp_path / 'data' / 'sub' / 'run'}:program",
    ).ok()  # fmt: skip
    assert "warning: data/out is left out: a link out of the directory" in started.err
    assert "warning: data/pipe is left out" in started.err
    kernel = started.out.strip()
    shown = {name: rest for name, *rest in eval(there.run(kernel, SHOW))}  # noqa: S307
    expected = {"data", "larger", "program", "data/sub", "data/sub/empty", "data/sub/run",
                "data/link", *(f"data/{name}" for name in HOSTILE)}  # fmt: skip
    assert shown.keys() == expected
    assert shown["data/sub/run"] == shown["program"] == [False, "0o750"]
    assert shown["data/sub"] == [False, "0o755"]
    assert shown["data/link"][0]
    digest = tree._digest(big)
    code = "import hashlib, os; os.chdir(os.environ['YARNKERNEL_FILES'])\n"
    code += "print(hashlib.sha256(open('larger', 'rb').read()).hexdigest(), os.getcwd())"
    found, directory = there.run(kernel, code).split()
    assert found == digest
    there.shell.yarnkernel("stop", kernel).ok()
    wait_for(lambda: not Path(directory).exists(), 10, "that they are gone")


def test_files_here(own_shell: Shell, tmp_path: Path) -> None:
    """Where the host is this machine they are copied likewise."""
    (tmp_path / "a file").write_text("content")
    options = ("--interface", "local", "--file", tmp_path / "a file", "--sync", tmp_path)
    kernel = own_shell.yarnkernel("start", *options).ok().out.strip()
    with Kernel(own_shell.yarnkernel("connect", kernel).ok().document) as client:
        code = "import os; os.chdir(os.environ['YARNKERNEL_FILES']); print(open('a file').read())"
        assert client.run(f"import os; print(os.getcwd())\n{code}") == f"{tmp_path}\ncontent\n"
    assert json.loads(own_shell.yarnkernel("sync", kernel, "--json").ok().out)["sent"] == []
    own_shell.yarnkernel("stop", kernel).ok()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (["--file", "/nowhere"], "not there"),
        (["--file", "/dev/null"], "neither a file nor a directory"),
        (["--file", "/etc/passwd:a/b"], "is no name"),
        (["--file", "/etc/passwd:.."], "is no name"),
        (["--file", "/etc/passwd", "--file", "/etc/group:passwd"], "is there twice"),
        (["--sync", "/nowhere"], "there is no such directory"),
        (["--environment", "/nowhere"], "there is no environment /nowhere"),
        (["--environment", "hdfs:///a.tar.gz"], "is nothing for this interface"),
    ],
)
def test_what_cannot_travel(there: Box, wrong: list[str], error: str) -> None:
    options = there.options[:4] if "--environment" in wrong else there.options
    assert error in there.shell.yarnkernel("start", *options, *wrong).error(2)


def test_sync_is_not_for_yarn(own_shell: Shell) -> None:
    assert "next: --file /etc" in own_shell.yarnkernel("start", "--sync", "/etc").error(2)
    error = own_shell.yarnkernel("sync", "application_1_0001").error(2)
    assert "--file" in error


def test_sync(there: Box, tmp_path: Path) -> None:
    write_tree(here := tmp_path / "my project")
    started = there.shell.yarnkernel("start", *there.options, "--sync", here).ok()
    kernel = started.out.strip()
    assert "out is left alone: a link out of the directory" in started.err
    remote = Path(there.run(kernel, "import os; print(os.getcwd())"))
    assert remote.is_relative_to(there.host.home)
    assert set(tree.scan(str(remote), {}) or {}) == set(tree.scan(str(here), {}) or {}) - {
        "out",
        "pipe",
    }
    assert (remote / "sub/run").stat().st_mode & 0o777 == 0o750

    (here / "new").write_text("here")
    (here / "..x").write_text("changed here")
    (remote / "result").mkdir()
    (remote / "result" / "1.csv").write_text("there")
    (remote / "-rf").write_text("changed there")
    (here / "it's").write_text("one")
    (remote / "it's").write_text("another")
    (here / "ä").unlink()
    (remote / "out").write_text("of another kind than here")
    shown = there.sync(kernel, "--dry-run")
    assert not (remote / "new").exists()
    done = there.sync(kernel)
    for found in (shown, done):
        assert found.code == 1
        assert "it's is left alone: it has changed on both sides" in found.err
        assert found.document["sent"] == ["..x", "new"]
        assert found.document["fetched"] == ["-rf", "result", "result/1.csv"]
        assert found.document["conflicts"].keys() == {"it's", "out"}
        assert found.document["kept"] == ["ä"]
    assert (remote / "new").read_text() == "here"
    assert (remote / "..x").read_text() == "changed here"
    assert (here / "result/1.csv").read_text() == "there"
    assert (here / "-rf").read_text() == "changed there"
    assert ((here / "it's").read_text(), (remote / "it's").read_text()) == ("one", "another")
    assert Path("/etc/passwd").read_text() != "of another kind than here"
    assert (remote / "ä").exists()

    (here / "it's").write_text("another")
    (here / "out").unlink()
    (remote / "a\nb").unlink()
    (remote / "result/1.csv").unlink()
    (here / "result/1.csv").write_text("changed, though it is gone there")
    last = there.sync(kernel, "--delete")
    assert last.document["removed_there"] == ["ä"]
    assert last.document["removed_here"] == ["a\nb"]
    assert last.document["conflicts"] == {"result/1.csv": "it is gone there and has changed since"}
    assert not (remote / "ä").exists()
    assert not (here / "a\nb").exists()
    (here / "result/1.csv").unlink()
    assert there.sync(kernel).ok().document["sent"] == []

    again = there.shell.yarnkernel("start", *there.options, "--sync", here, "--workdir", "/").ok()
    assert "0 of it sent now" in again.err
    show = "import os; print(os.getcwd(), os.environ['YARNKERNEL_SYNC'])"
    assert there.run(again.out.strip(), show) == f"/ {remote}"


def test_sync_after_the_directory_there_is_gone(there: Box, tmp_path: Path) -> None:
    """Nothing is removed here for that."""
    (here := tmp_path / "precious").mkdir()
    (here / "file").write_text("x")
    kernel = there.start("--sync", here, "--workdir", "/")
    remote = Path(there.run(kernel, "import os; print(os.environ['YARNKERNEL_SYNC'])"))
    (remote / "file").unlink()
    remote.rmdir()
    assert there.sync(kernel, "--delete").ok().document["sent"] == ["file"]
    assert (here / "file").exists()
    assert (remote / "file").exists()
    there.shell.yarnkernel("stop", kernel).ok()


@pytest.fixture
def small_disk(box: SshHost) -> Iterator[Path]:
    """The disk of the host is full soon; what is on it, as it is seen from here."""
    state = box.home / ".local"
    state.mkdir(parents=True, exist_ok=True)
    sshd = box.processes("sshd")[0]
    inside = ("nsenter", "-m", "-t", str(sshd))  # ip-netns(8) gives it mounts of its own
    mount = ("mount", "-t", "tmpfs", "-o", "size=3m", "none", str(state))
    subprocess.run([*inside, *mount], check=True, timeout=20)
    yield Path(f"/proc/{sshd}/root{state}")
    subprocess.run([*inside, "umount", "-l", str(state)], check=True, timeout=20)


def test_full_disk(there: Box, small_disk: Path, tmp_path: Path) -> None:
    """One clear error, and nothing half there."""
    (here := tmp_path / "here").mkdir()
    (here / "big").write_bytes(bytes(8 << 20))
    for option in (f"--file={here / 'big'}", f"--sync={here}"):
        error = there.shell.yarnkernel("start", *there.options, option).error(1)
        assert "box: No space left on device" in error
        assert "next: make room there" in error
        assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    kernels = small_disk / "state/yarnkernel/kernels"
    assert list(kernels.iterdir()) == []


@pytest.fixture(scope="module")
def small_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with what a kernel needs, and nothing of ours."""
    prefix = tmp_path_factory.mktemp("prefixes") / "my kernel's"
    make_venv(prefix, "ipykernel")
    # Most of its files, which no kernel needs: type hints of other libraries, and a debugger.
    for unwanted in ("jedi/third_party", "debugpy", "debugpy-*.dist-info"):
        for directory in prefix.glob(f"lib/python3*/site-packages/{unwanted}"):
            shutil.rmtree(directory)
    return prefix


def test_environment(there: Box, small_venv: Path) -> None:
    """It is sent once, and used; it stays for as long as a kernel uses it."""
    shell = there.shell
    options = ("--interface", "ssh", "--host", "box", "--environment", str(small_venv))
    first = shell.yarnkernel("start", *options, timeout=300).ok()
    assert "packed" in first.err
    assert "uploading" in first.err
    kernel = first.out.strip()
    prefix = Path(there.run(kernel, "import sys; print(sys.prefix)"))
    assert prefix.parent == there.host.home / ".cache/yarnkernel/environments"
    assert there.run(kernel, "import os; print(os.environ['VIRTUAL_ENV'])") == str(prefix)
    shell.yarnkernel("kernelspec", "add", "--name", "sent", *options).ok()
    second = shell.yarnkernel("start", "--kernelspec", "sent").ok()
    assert "uploading" not in second.err
    shell.yarnkernel("stop", second.out.strip()).ok()

    (found,) = shell.yarnkernel("env", "list", "--host", "box", "--json").ok().document
    assert found["url"] == f"python://{prefix}"
    os.utime(prefix, (0, 0))
    prune = ("env", "prune", "--host", "box", "--json")
    assert shell.yarnkernel(*prune).ok().document == []
    shell.yarnkernel("stop", kernel).ok()
    assert len(shell.yarnkernel(*prune, "--dry-run").ok().document) == 1
    assert len(shell.yarnkernel(*prune).ok().document) == 1
    assert not prefix.exists()
    assert list(prefix.parent.iterdir()) == []


def test_environment_here(own_shell: Shell, small_venv: Path) -> None:
    options = ("--interface", "local", "--environment", str(small_venv))
    kernel = own_shell.yarnkernel("start", *options).ok().out.strip()
    with Kernel(own_shell.yarnkernel("connect", kernel).ok().document) as client:
        assert client.run("import sys; print(sys.prefix)").strip() == str(small_venv)
    own_shell.yarnkernel("stop", kernel).ok()


def test_environment_that_cannot_run_there(there: Box, tmp_path: Path) -> None:
    """Its Python is a link to one that the host has not: one error, and nothing stays."""
    needed = ("ipykernel", "jupyter_client", "psutil", "pyzmq")
    metadata = "lib/python3.11/site-packages/{}-1.0.dist-info/METADATA"
    archive = write_archive(
        tmp_path / "made-elsewhere.tar.gz",
        {"bin/activate": b"", **{metadata.format(name): b"" for name in needed}},
        {"bin/python": "/nowhere/python3.11"},
    )
    command = ("start", *there.options[:4], "--environment", str(archive))
    error = there.shell.yarnkernel(*command).error(1)
    assert "made-elsewhere.tar.gz cannot run there" in error
    assert "next: --environment python:///PREFIX" in error
    environments = there.host.home / ".cache/yarnkernel/environments"
    assert list(environments.glob("*made-elsewhere*")) == []


def test_archive_that_lacks_what_a_kernel_needs(there: Box, tmp_path: Path) -> None:
    files = {"bin/activate": b"", "bin/python": b"#!"}
    archive = write_archive(tmp_path / "empty.tar.gz", files)
    command = ("start", *there.options[:4], "--environment", str(archive))
    assert "ipykernel, jupyter-client, psutil" in there.shell.yarnkernel(*command).error(2)


@pytest.mark.parametrize("what", ["command", "line"])
def test_interrupted_on_its_way(there: Box, tmp_path: Path, what: str) -> None:
    """Nothing is left of it."""
    (big := tmp_path / "big").write_bytes(bytes(200 << 20))
    process = there.shell.start(BIN / "yarnkernel", "start", *there.options, "--file", big)
    assert process.stderr is not None
    assert any("sending big" in line for line in process.stderr)
    kernels = there.host.home / ".local/state/yarnkernel/kernels"
    part = f"*/files/{tree.PART}*"
    (path,) = wait_for(lambda: list(kernels.glob(part)), 10, "that it is on its way")
    if what == "command":
        process.send_signal(signal.SIGINT)
    else:
        for session in there.host.processes("sshd")[1:]:  # the first is the server
            os.kill(session, signal.SIGKILL)
    _, err = finish(process)
    assert process.returncode == (130 if what == "command" else 1), err
    wait_for(lambda: not path.parent.parent.exists(), 10, "that nothing is left")
    assert path.parent.parent.name not in there.shell.yarnkernel("list", "--all", "--ids").out
