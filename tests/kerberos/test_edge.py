"""A cluster with Kerberos through an edge node that has the ticket: the laptop has no Kerberos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.conftest import Shell, clean_environment, wait_for
from tests.support.edge import EdgeHost, Laptop, edge_host

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a profile of a login shell on the edge node sets.
KNOWN = ("HADOOP_CONF_DIR", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "KRB5_CONFIG")


@pytest.fixture(scope="module")
def ticket(secure: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's ticket on the edge node."""
    cache = tmp_path_factory.mktemp("there") / "krb5cc"
    variables = secure.environment
    keytab, principal = variables["KRB5KEYTAB"], variables["KRB5PRINCIPAL"]
    secure.run("kinit", "-k", "-t", keytab, "-c", cache, principal).ok()
    return cache


@pytest.fixture(scope="module")
def edge(secure: Shell, ticket: Path) -> Iterator[EdgeHost]:
    variables = {name: secure.environment[name] for name in KNOWN}
    with edge_host() as host:
        bin_dir = Path(secure.environment["PATH"].partition(":")[0])
        host.set_profile({**variables, "KRB5CCNAME": f"FILE:{ticket}"}, bin_dir)
        yield host


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory, edge: EdgeHost) -> Laptop:
    home = tmp_path_factory.mktemp("laptop")
    nothing = {"KRB5_CONFIG": "/dev/null", "XDG_CACHE_HOME": str(home / ".cache")}
    return Laptop(edge, Shell(clean_environment(home), home).using(**nothing))


def gss_servers() -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if "module.serve()" in " ".join(one.info["cmdline"] or ())]


def active(laptop: Laptop) -> list[str]:
    return laptop.yarnkernel("list", "--host", "edge", "--ids").ok().out.split()


def test_all_commands(laptop: Laptop) -> None:
    app_id = laptop.yarnkernel("start", "--host", "edge", "--name", "far").ok().out.strip()
    assert active(laptop) == [app_id]
    assert laptop.yarnkernel("status", app_id, "--json").ok().document["state"] == "RUNNING"
    assert "was restarted in" in laptop.yarnkernel("restart", app_id).ok().err
    done = laptop.yarnkernel("console", app_id, given="6 * 7\nexit\n", timeout=60)
    assert "42" in done.out, done.err
    wait_for(lambda: not active(laptop), 30, "the end of who left the console")
    # What looks after the ticket there goes with the command that asked for it.
    assert gss_servers() == []


def test_file_on_the_cluster(laptop: Laptop, tmp_path: Path) -> None:
    """HDFS is asked with the ticket there, and Hadoop's own command uploads with it."""
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(300_000))
    command = "sh -c 'ls -lL large.bin; exit 3' {connection_file}"
    failed = laptop.yarnkernel(
        "start", "--host", "edge", "--file", large, "--kernel-cmd", command
    ).error(1)
    assert "300000" in failed


def test_no_ticket_anywhere(laptop: Laptop, ticket: Path) -> None:
    elsewhere = ticket.rename(ticket.with_name("elsewhere"))
    try:
        error = laptop.yarnkernel("list", "--host", "edge").error(1)
    finally:
        elsewhere.rename(ticket)
    assert f"on edge: Kerberos: there is no ticket in FILE:{ticket} (KRB5CCNAME)" in error
    assert "next: kinit" in error
