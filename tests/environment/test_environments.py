"""Environments on a cluster: pushed once, used, listed, pruned."""

from __future__ import annotations

import getpass
import os
import signal
import stat
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import REPOSITORY, Shell, finish
from tests.support.kernels import run_kernel, write_spec
from tests.support.small_venv import make_small_venv, pack_small_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "import sys; print(sys.prefix)"
#: Also whether anything of ours can be seen where the kernel runs.
PREFIX_ALONE = f"""
import importlib.util, os
assert importlib.util.find_spec("yarnkernel") is None
assert "PYTHONPATH" not in os.environ
{PREFIX}"""
#: The same in a further container, which has the environment at a path of its own.
FURTHER = f"""{PREFIX_ALONE}
sys.path.insert(0, {str(REPOSITORY)!r})
from yarnkernel import containers
look = "assert sys.prefix == os.getcwd() + '/environment'"
code = {PREFIX_ALONE.replace("print(sys.prefix)", "import ipykernel")!r} + "\\n" + look
with containers.start(1, [sys.executable, "-c", code]) as one:
    one.wait_ended(60)
    (status,) = one.statuses()
assert status.exit_code == 0, status.diagnostics
"""
DAY = 86_400
PRIVATE = ".yarnkernel/environments"
PUBLIC = ".yarnkernel-public/environments"


@pytest.fixture(scope="module")
def small_venv(kernel_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("small") / "my kernel's"
    make_small_venv(prefix, kernel_venv)
    return prefix


@pytest.fixture(scope="module")
def small_archive(small_venv: Path) -> Path:
    archive = small_venv.with_name("packed.tar.gz")
    pack_small_venv(small_venv, archive)
    return archive


@pytest.fixture
def pusher(shell: Shell, tmp_path: Path) -> Shell:
    """A user whose cache is empty, and nobody else's."""
    return shell.using(XDG_CACHE_HOME=str(tmp_path / "cache"))


@pytest.fixture
def home(cluster: dict[str, Any]) -> Iterator[Path]:
    """The user's home on the cluster, which is a directory here."""
    home = Path(cluster["directory"]) / "data/fs/user" / getpass.getuser()
    yield home
    for directory in (PRIVATE, PUBLIC):
        for path in (home / directory).glob("*"):
            path.unlink()


def files_in(directory: Path) -> list[Path]:
    """Files of the cluster, without the checksums that Hadoop keeps beside local ones."""
    return sorted(path for path in directory.iterdir() if path.suffix != ".crc")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_prefix_is_pushed_once(pusher: Shell, small_venv: Path, home: Path, tmp_path: Path) -> None:
    first = pusher.yarnkernel("env", "push", small_venv).ok()
    assert "packing" in first.err
    (stored,) = files_in(home / PRIVATE)
    url = f"viewfs:///user/{home.name}/{PRIVATE}/{stored.name}"
    assert first.out == f"{url}\n"
    assert stored.name.startswith("my-kernel-s-")
    assert (mode(stored), mode(stored.parent), mode(stored.parent.parent)) == (0o600, 0o700, 0o700)
    pushed = stored.stat().st_mtime_ns
    again = pusher.yarnkernel("env", "push", small_venv, "--json").ok()
    assert again.document["url"] == url
    assert again.document["uploaded"] is False
    assert "packing" not in again.err
    assert stored.stat().st_mtime_ns == pushed
    # Packed once for all clusters.
    stored.unlink()
    third = pusher.yarnkernel("env", "push", small_venv, "--json").ok()
    assert third.document["uploaded"] is True
    assert "packing" not in third.err
    listed = pusher.yarnkernel("env", "list", "--json").ok().document
    (cached,) = (tmp_path / "cache/yarnkernel/environments").iterdir()
    places = {(entry["url"], entry["size"], entry["visibility"]) for entry in listed}
    size = stored.stat().st_size
    assert places == {(url, size, "private"), (str(cached), size, "cache")}
    assert f"{size / 1e6:.1f} MB" in pusher.yarnkernel("env", "list").ok().out


def test_archive_is_used_from_the_cluster(
    pusher: Shell,
    small_archive: Path,
    home: Path,
    cluster: dict[str, Any],
    stop_later: Callable[[str], str],
) -> None:
    """A public one, which the node unpacks once; the second start takes it as it is.

    It has nothing of ours in it: the recipe comes along, and the kernel does not see it, nor do
    further containers.
    """
    url = pusher.yarnkernel("env", "push", "--public", small_archive).ok().out.strip()
    (stored,) = files_in(home / PUBLIC)
    assert (mode(stored), mode(stored.parent), mode(stored.parent.parent)) == (0o644, 0o755, 0o755)
    app_id = stop_later(pusher.yarnkernel("start", "--environment", url).ok().out)
    prefix = run_kernel(pusher, app_id, FURTHER)
    assert app_id in prefix
    assert prefix.endswith("/environment")
    unpacked = Path(cluster["directory"]) / "data/nodemanager0/local/filecache"
    assert [path.name for path in unpacked.glob("*/*")] == [stored.name]
    service = REPOSITORY / "specs/ipython-service.yaml"
    app_id = stop_later(pusher.yarnkernel("start", service, "--environment", url).ok().out)
    assert app_id in run_kernel(pusher, app_id, PREFIX_ALONE)
    assert [path.name for path in unpacked.glob("*/*")] == [stored.name]


@pytest.mark.parametrize("form", ["{}", "file://{}", "python://{}"])
def test_prefix_is_used_where_it_is(
    pusher: Shell, kernel_venv: Path, form: str, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    path = str(kernel_venv) if form == "{}" else kernel_venv.as_uri().removeprefix("file://")
    app_id = stop_later(pusher.yarnkernel("start", "--environment", form.format(path)).ok().out)
    code = "import os, sys; print(sys.prefix == os.environ['VIRTUAL_ENV'], sys.prefix)"
    assert run_kernel(pusher, app_id, code) == f"True {kernel_venv}"
    assert not (tmp_path / "cache").exists()


def test_prune(pusher: Shell, home: Path, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    (home / PRIVATE).mkdir(parents=True, exist_ok=True)
    used = home / PRIVATE / "used-00112233445566aa.tar.gz"
    with tarfile.open(used, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("bin/activate"))
    for name in ("old-00112233445566bb.tar.gz", "new-00112233445566cc.tar.gz"):
        (home / PRIVATE / name).touch()
    (home / PRIVATE / "cut.tar.gz.0123.part._COPYING_").touch()
    (cache := tmp_path / "cache/yarnkernel/environments").mkdir(parents=True)
    (cache / "packed-0123456789abcdef.tar.gz").touch()
    old = time.time() - 31 * DAY
    for path in (*files_in(home / PRIVATE), *cache.iterdir()):
        if not path.name.startswith("new"):
            os.utime(path, (old, old))
    url = f"viewfs:///user/{home.name}/{PRIVATE}/{used.name}"
    # Who uses it need have no kernel.
    spec = write_spec(tmp_path, "exec sleep 600")
    app_id = stop_later(pusher.yarnkernel("submit", spec, "--environment", url).ok().out)
    dry = pusher.yarnkernel("env", "prune", "--dry-run", "--json").ok().document
    names = [Path(entry["url"]).name.split("-")[0] for entry in dry]
    assert names == ["cut.tar.gz.0123.part._COPYING_", "old", "packed"]
    assert len(files_in(home / PRIVATE)) == 4
    assert pusher.yarnkernel("env", "prune", "--json").ok().document == dry
    kept = {path.name.split("-")[0] for path in files_in(home / PRIVATE)}
    assert kept == {"used", "new"}
    assert list(cache.iterdir()) == []
    pusher.yarnkernel("stop", "--force", app_id).ok()
    pusher.yarnkernel("env", "prune").ok()
    assert [path.name.split("-")[0] for path in files_in(home / PRIVATE)] == ["new"]


def test_two_pushes_at_once(pusher: Shell, venv_archive: Path, home: Path) -> None:
    both = [pusher.start("yarnkernel", "env", "push", venv_archive) for _ in range(2)]
    said = [finish(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    (stored,) = files_in(home / PRIVATE)
    assert stored.read_bytes() == venv_archive.read_bytes()


def test_ctrl_c_while_pushing(pusher: Shell, venv_archive: Path, home: Path) -> None:
    process = pusher.start("yarnkernel", "env", "push", venv_archive)
    assert process.stderr is not None
    while "uploading" not in (line := process.stderr.readline()):
        assert line, "it has ended without an upload"
    process.send_signal(signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert list((home / PRIVATE).iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/nothing/here", "there is no environment /nothing/here"),
        (str(REPOSITORY / "README.rst"), "is neither an environment nor a .tar.gz or .tgz"),
        ("/usr", "/usr is no environment"),
        ("viewfs:///none.tar.gz", "there is no viewfs:///none.tar.gz on the cluster"),
        ("viewfs:///user/none.rst", "YARN unpacks .tar.gz, .tgz and .zip"),
        ("viewfs:///user/*.tar.gz", "is no URL of a file on the cluster"),
        ("python://opt/environment", "write three slashes"),
        ("hdfs://[x/a.tar.gz", "Invalid IPv6 URL"),
    ],
)
def test_bad_environment(pusher: Shell, text: str, reason: str) -> None:
    error = pusher.yarnkernel("start", "--environment", text).error(2)
    assert reason in error
    assert len(error.splitlines()) == 1
    assert pusher.yarnkernel("list", "--json").ok().document == []


def test_public_place_has_to_be_open(pusher: Shell, small_archive: Path, home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    place = f"/user/{home.name}/closed/inner"
    push = ("env", "push", "--public", "--directory", place, small_archive)
    error = pusher.yarnkernel(*push).error(1)
    assert "others may not pass closed (mode 700)" in error
    assert list(closed.iterdir()) == []
    closed.chmod(0o755)
    assert pusher.yarnkernel(*push, "--json").ok().document["visibility"] == "public"
    private = ("env", "push", "--directory", f"{place}2", small_archive)
    assert pusher.yarnkernel(*private, "--json").ok().document["visibility"] == "private"


def test_no_cluster(user_shell: Shell, small_archive: Path, tmp_path: Path) -> None:
    lost = user_shell.using(XDG_STATE_HOME=str(tmp_path), PATH="/usr/bin:/bin")
    for command in (("push", small_archive), ("list",), ("prune",)):
        assert "no cluster" in lost.yarnkernel("env", *command).error(1)
