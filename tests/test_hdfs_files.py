"""HDFS without a JVM answers as Hadoop's own client does, and serves the direct way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.kernels import Kernel, start_kernel, write_spec
from yarnkernel.cluster_env import ClusterEnvironment, local_environment
from yarnkernel.cluster_files import ClusterFiles
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterFileError, ClusterFileTimeoutError
from yarnkernel.hdfs_files import HdfsFiles, open_files
from yarnkernel.local.state import read_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell

FILES = ".yarnkernel/files"


@pytest.fixture
def user(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A user with a cluster with HDFS, which stands no quotes in the names of its directories."""
    user = user_shell.using(XDG_STATE_HOME=str(tmp_path_factory.mktemp("state")))
    user.yarnkernel("cluster", "start", "--hdfs", timeout=300).ok()
    yield user
    user.yarnkernel("cluster", "stop").ok()


@pytest.fixture
def hdfs(user: Shell, monkeypatch: pytest.MonkeyPatch) -> ClusterEnvironment:
    monkeypatch.setenv("XDG_STATE_HOME", user.environment["XDG_STATE_HOME"])
    state = read_state("default")
    assert state is not None
    return local_environment(state)


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


def direct_way_with_a_large_file(shell: Shell, directory: Path) -> None:
    (directory / "large.bin").write_bytes(os.urandom(300_000))
    spec = write_spec(directory, "exec python -m yarnkernel.recipe")
    spec.write_text(spec.read_text().replace("  script:", "  files: {large: large.bin}\n  script:"))
    for _ in range(2):
        app_id, info = start_kernel(shell.using(YARNKERNEL_VIA="direct"), spec)
        with Kernel(info) as kernel:
            assert kernel.run("import os; os.stat('large').st_size") == "300000"
        shell.yarnkernel("stop", app_id).ok()
