"""A cluster with Kerberos that the tests of this directory share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnkernel.errors import LocalClusterError
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.local.java import find_kerberos_java
from yarnkernel.local.options import PROTECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from yarnkernel.hadoop.configuration import Configuration

NAME = "secure"


@pytest.fixture(scope="package")
def user(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user whose home HDFS could not be below, because of the quote in its name."""
    return user_shell.using(XDG_STATE_HOME=str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="package")
def secure(user: Shell) -> Iterator[Shell]:
    """A user after `cluster env` of a cluster with Kerberos, HDFS and all protections."""
    try:
        find_kerberos_java()
    except LocalClusterError as exc:
        pytest.skip(str(exc))
    protections = ",".join(reversed(PROTECTIONS))
    start = ("cluster", "start", "--name", NAME, "--kerberos", "--hdfs")
    user.yarnkernel(*start, "--rpc-protection", protections, timeout=900).ok()
    try:
        environment = user.yarnkernel("cluster", "env", "--name", NAME, "--json").ok().document
        yield user.using(**environment)
    finally:
        user.yarnkernel("cluster", "stop", "--name", NAME).ok()


@pytest.fixture
def configuration(secure: Shell, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setenv("KRB5_CONFIG", "")  # put back when it was set in this process
    return load_configuration(
        Path(secure.environment["HADOOP_CONF_DIR"]), environment=secure.environment
    )


@pytest.fixture(scope="package")
def edge_node(secure: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user with the site files of a cluster that is not known to be a local one."""
    conf_dir = tmp_path_factory.mktemp("edge") / "conf"
    shutil.copytree(secure.environment["HADOOP_CONF_DIR"], conf_dir)
    return secure.using(HADOOP_CONF_DIR=str(conf_dir))
