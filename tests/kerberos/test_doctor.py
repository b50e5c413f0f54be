"""What `yarnkernel doctor` says of tickets, keytabs, tokens, clocks and a NameNode that is gone."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.clocks import wrong_clock
from tests.support.daemons import free_ports
from tests.support.doctored import examined, failing
from tests.support.site_files import with_setting
from yarnkernel.deadline import Deadline
from yarnkernel.hadoop.credentials import Credentials, expiry_of
from yarnkernel.hadoop.delegation_tokens import delegation_tokens
from yarnkernel.hadoop.own_tokens import RM_TOKEN
from yarnkernel.hadoop.resource_manager import ResourceManager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell
    from yarnkernel.hadoop.configuration import Configuration

pytestmark = pytest.mark.timeout(300)


def test_login(edge_node: Shell, tmp_path: Path) -> None:
    """By keytab, by ticket, by one that is soon over, by none."""
    checks = examined(edge_node)
    assert failing(checks) == []
    assert "keytab" in checks["login"]["found"]
    assert "let in as" in checks["login"]["found"]
    assert "privacy (hadoop.rpc.protection)" in checks["ResourceManager"]["found"]
    assert "answers; your home" in checks["file system"]["found"]
    keytab, principal = (edge_node.environment[n] for n in ("KRB5KEYTAB", "KRB5PRINCIPAL"))
    cache = f"FILE:{tmp_path}/cache"
    user = edge_node.using(KRB5KEYTAB=None, KRB5PRINCIPAL=None, KRB5CCNAME=cache)
    checks = examined(user)
    assert failing(checks) == ["login"]
    assert checks["ResourceManager"]["state"] == "ok"
    assert "there is no ticket in" in checks["login"]["why"]
    assert "kinit" in checks["login"]["todo"]
    if not shutil.which("kinit"):
        pytest.skip("no kinit: scripts/setup-extras installs it where it may")
    user.run("kinit", "-k", "-t", keytab, "-l", "1h", principal).ok()
    login = examined(user)["login"]
    assert login["state"] == "ok"
    assert f"Kerberos: {principal}@YARNKERNEL.LOCAL, a ticket until " in login["found"]
    assert "(1.0 h)" in login["found"]
    user.run("kinit", "-k", "-t", keytab, "-l", "5m", principal).ok()
    login = examined(user)["login"]
    assert (login["state"], login["why"]) == ("warning", "it is over soon")
    assert "kinit -R" in login["todo"]


def test_clocks(edge_node: Shell) -> None:
    wrong = edge_node.using(**wrong_clock(-400), FAKETIME_DONT_FAKE_MONOTONIC="1")
    checks = examined(wrong)
    assert "clocks" in failing(checks)
    assert "s behind its" in checks["clocks"]["found"]
    assert "Kerberos refuses" in checks["clocks"]["why"]


def test_name_node(edge_node: Shell, tmp_path: Path) -> None:
    """HDFS that does not answer keeps nothing else from being checked."""
    (port,) = free_ports(1)
    broken = with_setting(edge_node, "fs.defaultFS", f"hdfs://localhost:{port}", tmp_path)
    checks = examined(broken)
    assert "file system" in failing(checks)
    assert "Connection refused" in checks["file system"]["why"]
    assert "NameNode" in checks["file system"]["todo"]
    assert checks["queue"]["state"] == "ok"


def test_tokens(edge_node: Shell, configuration: Configuration, tmp_path: Path) -> None:
    """Of YARN and of HDFS, each with whose it is and until when; one that is not valid any more."""
    tokens = delegation_tokens(configuration, [], Deadline(20))
    for token in tokens.values():
        days = (expiry_of(token) - time.time()) / 86400
        assert 6.9 < days < 7.1, f"{token.kind}: 7 days, as Hadoop has it"
    Credentials(tokens).write(tmp_path / "tokens")
    inside = edge_node.using(
        KRB5KEYTAB=None,
        KRB5PRINCIPAL=None,
        KRB5CCNAME=f"FILE:{tmp_path}/none",
        HADOOP_TOKEN_FILE_LOCATION=str(tmp_path / "tokens"),
    )
    login = examined(inside)["login"]
    assert login["state"] == "ok", login
    assert "Kerberos, by tokens alone: " in login["found"]
    user = edge_node.environment["KRB5PRINCIPAL"]
    for kind in ("RM_DELEGATION_TOKEN", "HDFS_DELEGATION_TOKEN"):
        assert f"{kind} of {user}" in login["found"]
    assert "(168.0 h) at most" in login["found"]
    token = next(token for token in tokens.values() if token.kind == RM_TOKEN)
    with contextlib.closing(ResourceManager(configuration)) as manager:
        manager.call("CancelDelegationToken", 20, package="common", token=vars(token))
    checks = examined(inside)
    assert failing(checks)[0] == "login"
    assert "is not valid any more" in checks["login"]["why"]
    assert "kinit" in checks["login"]["todo"]
