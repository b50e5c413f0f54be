"""A local cluster with HDFS: kernels both ways, environments, and HDFS without a JVM."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import sys
import sysconfig
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import BIN, REPOSITORY, finish
from tests.support.inside import check_inside
from tests.support.kernels import RECIPE, Kernel, run_kernel, start_kernel, write_spec
from yarnkernel.cluster.files import ClusterFiles
from yarnkernel.cluster.find import ClusterEnvironment, local_environment
from yarnkernel.cluster.hdfs import STALL, HdfsFiles, open_files
from yarnkernel.deadline import Deadline
from yarnkernel.environment.archive import archive_digest
from yarnkernel.environment.stored import DIGEST_LENGTH
from yarnkernel.errors import ClusterError, ClusterFileError, ClusterFileTimeoutError
from yarnkernel.local.sites import to_xml
from yarnkernel.local.state import read_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell

FILES = ".yarnkernel/files"
ENVIRONMENTS = ".yarnkernel/environments"


@pytest.fixture(scope="module")
def user(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A user with a cluster with HDFS, which stands no quotes in the names of its directories."""
    user = user_shell.using(XDG_STATE_HOME=str(tmp_path_factory.mktemp("a state")))
    user.yarnkernel("cluster", "start", "--hdfs", timeout=300).ok()
    yield user
    user.yarnkernel("cluster", "stop").ok()


@pytest.fixture
def hdfs(user: Shell, monkeypatch: pytest.MonkeyPatch) -> ClusterEnvironment:
    monkeypatch.setenv("XDG_STATE_HOME", user.environment["XDG_STATE_HOME"])
    state = read_state("default")
    assert state is not None
    return local_environment(state)


@pytest.fixture
def pusher(user: Shell, tmp_path: Path) -> Shell:
    """A user after `cluster env` who has packed no environment yet."""
    variables = user.yarnkernel("cluster", "env", "--json").ok().document
    return user.using(**variables, XDG_CACHE_HOME=str(tmp_path / "cache"))


def test_skein_way(user: Shell, tmp_path: Path) -> None:
    assert "HDFS" in user.yarnkernel("cluster", "status").ok().out
    environment = user.yarnkernel("cluster", "env", "--json").ok().document
    shell = user.using(**environment, YARNKERNEL_VIA="skein")
    spec = REPOSITORY / "specs/ipython.yaml"
    app_id, info = start_kernel(shell, spec)
    name = psutil.Process().username()
    staged_in = f"/user/{name}/.skein"
    assert "skein.jar" in shell.run("hdfs", "dfs", "-ls", f"{staged_in}/{app_id}").ok().out
    with Kernel(info) as kernel:
        check_inside(kernel, app_id, name)
    shell.yarnkernel("stop", app_id).ok()
    # By WebHDFS: there is no `yarn` command to leave it to.
    conf_dir = shutil.copytree(environment["HADOOP_CONF_DIR"], tmp_path / "conf")
    bare = shell.using(HADOOP_CONF_DIR=str(conf_dir), PATH=str(BIN), JAVA_HOME=None)
    assert "TCP without encryption" in bare.yarnkernel("logs", app_id).ok().out
    killed = shell.yarnkernel("submit", spec).ok().out.strip()
    bare.yarnkernel("stop", "--force", killed).ok()
    assert killed not in shell.run("hdfs", "dfs", "-ls", staged_in).ok().out


def test_as_hadoops_own_client(hdfs: ClusterEnvironment, user: Shell, tmp_path: Path) -> None:
    files, hadoops = open_files(hdfs, Deadline(60)), ClusterFiles(hdfs, Deadline(60))
    assert isinstance(files, HdfsFiles)
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    advanced: list[int] = []
    files.make_directory(FILES, "077")
    files.upload(source, f"{FILES}/a.part", "077", advanced.append)
    assert sum(advanced) == 3_000_000
    files.rename(f"{FILES}/a.part", f"{FILES}/a")
    paths = [".", ".yarnkernel", "nothing", FILES, f"{FILES}/*", "/", f"hdfs:///tmp/../{FILES}/b"]
    assert files.status(paths) == hadoops.status(paths)
    for client in (files, hadoops):
        with pytest.raises(ClusterFileError, match=r"its file system says: .*exists"):
            client.upload(source, f"{FILES}/a", "077", advanced.append)
    late = HdfsFiles.__new__(HdfsFiles)
    vars(late).update({**vars(files), "_deadline": Deadline(0)})
    with pytest.raises(ClusterFileTimeoutError, match="does not answer in time"):
        late.status(["."])
    files.remove([f"{FILES}/a*", f"{FILES}/nothing"])
    assert hadoops.status([f"{FILES}/*"]) == []
    direct_way_with_a_large_file(user, tmp_path)


def test_namenode_that_hangs(hdfs: ClusterEnvironment, tmp_path: Path) -> None:
    """Of a pair, the first one listens and never answers; its library would never ask the other."""
    (conf_dir := tmp_path / "conf").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pair = {
            "fs.defaultFS": "hdfs://pair",
            "dfs.nameservices": "pair",
            "dfs.ha.namenodes.pair": "a,b",
            "dfs.namenode.rpc-address.pair.a": f"127.0.0.1:{silent.getsockname()[1]}",
            "dfs.namenode.rpc-address.pair.b": hdfs.configuration.get("fs.defaultFS")[7:],
        }
        (conf_dir / "core-site.xml").write_text(to_xml(pair))
        cluster = ClusterEnvironment("test", hdfs.variables, conf_dir)
        begin = time.monotonic()
        files = open_files(cluster, Deadline(60))
        assert [status.name for status in files.status(["/user"])] == ["user"]
        assert time.monotonic() - begin < STALL / 2


def test_for_somebody_else(hdfs: ClusterEnvironment) -> None:
    """The library does not act for others: it would write as ourselves."""
    variables = {**hdfs.variables, "HADOOP_PROXY_USER": "alice"}
    proxied = ClusterEnvironment("test", variables, hdfs.conf_dir)
    assert isinstance(open_files(proxied, Deadline(20)), ClusterFiles)
    without = ClusterEnvironment("test", {**variables, "PATH": str(BIN)}, hdfs.conf_dir)
    with pytest.raises(ClusterError, match="HADOOP_PROXY_USER=alice, which the library"):
        open_files(without, Deadline(20))


def direct_way_with_a_large_file(shell: Shell, directory: Path) -> None:
    (directory / "large.bin").write_bytes(os.urandom(300_000))
    spec = write_spec(directory, RECIPE)
    spec.write_text(spec.read_text().replace("  script:", "  files: {large: large.bin}\n  script:"))
    for _ in range(2):
        app_id, info = start_kernel(shell.using(YARNKERNEL_VIA="direct"), spec)
        with Kernel(info) as kernel:
            assert kernel.run("import os; os.stat('large').st_size") == "300000"
        shell.yarnkernel("stop", app_id).ok()


@pytest.mark.skipif(
    "deb_system" in sysconfig.get_scheme_names(),
    reason="Debian's Python does not look for packages beside its copies",
)
@pytest.mark.timeout(400)
def test_conda_on_hdfs(pusher: Shell, kernel_venv: Path, tmp_path: Path) -> None:
    from tests.support.conda import install, make_channel

    prefix = tmp_path / "conda prefix"
    make_channel(tmp_path / "channel", kernel_venv)
    install(tmp_path / "channel", prefix, tmp_path / "packages")
    url = pusher.yarnkernel("env", "push", prefix, timeout=200).ok().out.strip()
    assert url.startswith(f"hdfs:///user/{getpass.getuser()}/{ENVIRONMENTS}/conda-prefix-")
    assert pusher.yarnkernel("env", "push", prefix, "--json").ok().document["uploaded"] is False

    app_id = pusher.yarnkernel("start", "--environment", url).ok().out.strip()
    code = (
        "import json, os, subprocess, sys; print(json.dumps([sys.prefix, sys.executable, "
        "os.environ['CONDA_PREFIX'], subprocess.getoutput('skein --version')]))"
    )
    unpacked, python, activated, version = json.loads(run_kernel(pusher, app_id, code))
    assert app_id in unpacked
    assert unpacked.endswith("/environment")
    assert activated == unpacked
    assert python.startswith(unpacked)
    assert "0.8" in version

    stranger = pusher.using(HADOOP_USER_NAME="stranger")
    error = stranger.yarnkernel("start", "--environment", url).error(1)
    assert "Permission denied: user=stranger" in error
    error = stranger.yarnkernel("env", "push", prefix, "--directory", "/user/x").error(1)
    assert "Permission denied: user=stranger, access=WRITE" in error
    assert "you have no home directory" in stranger.yarnkernel("env", "push", prefix).error(1)
    on_nodes = f"python://{sys.prefix}"  # has all that is needed
    started = stranger.yarnkernel("start", "--environment", on_nodes).ok()
    assert "the recipe does not travel" in started.err
    stranger.yarnkernel("stop", started.out.strip()).ok()

    (prefix / "bin/skein").unlink()
    error = pusher.yarnkernel("env", "push", prefix).error(1)
    assert "files of conda packages have been removed or replaced (by pip?): skein; " in error
    assert f"conda install --prefix '{prefix}' --force-reinstall skein" in error


def test_somebody_else_was_first(pusher: Shell, tmp_path: Path) -> None:
    """The name of a file can be computed; whose it is tells whether it is the user's own."""
    (archive := tmp_path / "kernel.tar.gz").write_bytes(b"not even an archive")
    name = f"kernel-{archive_digest(archive, Deadline(60))[:DIGEST_LENGTH]}.tar.gz"
    place = f"hdfs:///tmp/shared/{name}"
    hadoop = pusher.using(HADOOP_USER_NAME="stranger")
    hadoop.run("hadoop", "fs", "-mkdir", "-p", "hdfs:///tmp/shared").ok()
    hadoop.run("hadoop", "fs", "-put", archive, place).ok()
    error = pusher.yarnkernel("env", "push", "--directory", "hdfs:///tmp/shared", archive).error(1)
    assert f"{place} is there already, but it is stranger's" in error
    (tmp_path / "less").write_bytes(b"less")
    pusher.run("hadoop", "fs", "-put", "-f", tmp_path / "less", place).ok()
    pusher.run("hadoop", "fs", "-chown", getpass.getuser(), place).ok()
    error = pusher.yarnkernel("env", "push", "--directory", "hdfs:///tmp/shared", archive).error(1)
    assert "has 4 bytes, and not 19 as here" in error


#: Starts the NameNode again, on its ports and with its files.
MEND = """
import time
from yarnkernel.local.daemons import restart_daemon, wait_until_ready
from yarnkernel.local.state import read_state
wait_until_ready(restart_daemon(read_state("default"), "namenode"), time.monotonic() + 90)
"""


def test_file_system_dies_while_pushing(pusher: Shell, venv_archive: Path) -> None:
    (status,) = pusher.yarnkernel("cluster", "status", "--json").ok().document
    (namenode,) = [d["pid"] for d in status["daemons"] if d["name"] == "namenode"]
    process = pusher.start("yarnkernel", "env", "push", venv_archive)
    assert process.stderr is not None
    while "uploading" not in (line := process.stderr.readline()):
        assert line, "it has ended without an upload"
    os.kill(namenode, signal.SIGKILL)
    try:
        out, err = finish(process)
    finally:
        pusher.run("python", "-c", MEND).ok()
    assert (process.returncode, out) == (1, "")
    assert "its file system says: " in err
    assert "Traceback" not in err
