"""Who may come in, and who the server has to be."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import time
from pathlib import Path

import pytest

from tests.conftest import PATIENCE, Shell, wait_for
from tests.kerberos.clients import as_user, ask, changed
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    AuthenticationError,
    ClusterError,
)
from yarnkernel.hadoop import libgssapi
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.gssapi import default_realm, realm_of_host
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.tickets import Tickets

pytestmark = pytest.mark.timeout(300)
REALM = "YARNKERNEL.LOCAL"


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        (f"yarn/localhost@{REALM}", None),
        (f"yarn/_HOST@{REALM}", None),
        (f"rm/localhost@{REALM}", f"it is yarn/localhost, and not rm/localhost@{REALM}"),
        (f"yarn/elsewhere@{REALM}", f"it is yarn/localhost, and not yarn/elsewhere@{REALM}"),
        ("yarn", "is 'yarn', not SERVICE/HOST@REALM"),
        ("", "is '', not SERVICE/HOST@REALM"),
        ("yarn/localhost@ELSE.WHERE", "the KDC does not know the server"),
    ],
)
def test_principal_of_the_server(
    configuration: Configuration, principal: str, said: str | None
) -> None:
    chosen = changed(configuration, yarn__resourcemanager__principal=principal)
    if said is None:
        assert ask(chosen) == 1
    else:
        with pytest.raises(ClusterError) as caught:
            ask(chosen)
        assert said in str(caught.value)


def test_principal_of_an_address(configuration: Configuration) -> None:
    """Where the site files have no name, the address' own one is in the principal."""
    port = configuration.get("yarn.resourcemanager.address").rpartition(":")[2]
    chosen = changed(
        configuration,
        yarn__resourcemanager__principal=f"yarn/_HOST@{REALM}",
        yarn__resourcemanager__address=f"127.0.0.1:{port}",
    )
    assert ask(chosen) == 1


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("yarn/*@*", True),
        ("{rm,yarn}/{a,{b,local}host}@*", True),
        ("rm/*@*", False),
        ("[^a]arn/*@*", True),  # as in a shell only with an exclamation mark
        ("[!y]arn/*@*", False),
        (r"y\arn/*@*", False),
    ],
)
def test_pattern_of_the_servers_principal(
    configuration: Configuration, pattern: str, *, fits: bool
) -> None:
    chosen = changed(
        configuration,
        yarn__resourcemanager__principal="",
        yarn__resourcemanager__principal__pattern=pattern,
    )
    with (
        contextlib.nullcontext()
        if fits
        else pytest.raises(AuthenticationError, match=rf"it is yarn/localhost@{REALM}, which")
    ):
        assert ask(chosen) == 1


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def other_keys(keytab: bytes) -> bytes:
    """A keytab of the same principals with other keys: entries of a length, the key at the end."""
    changed = bytearray(keytab)
    position = 2
    while position < len(changed):
        length = int.from_bytes(changed[position : position + 4], "big", signed=True)
        position += 4 + abs(length)
        changed[position - 1 - 4] ^= 0xFF  # a version of 32 bits follows the key
    return bytes(changed)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("no ticket", "/none (KRB5CCNAME); next: kinit, or set KRB5KEYTAB and KRB5PRINCIPAL"),
        ("no principal", "KRB5KEYTAB is set, but KRB5PRINCIPAL is not"),
        ("no keytab", "nowhere cannot be read"),
        ("not in keytab", "has no key of nobody; next: klist -k"),
        ("other keys", "the keytab has another key than the KDC"),
        ("damaged keytab", "has no key of"),
        ("no krb5.conf", "has no default_realm"),
        ("no KDC", "the KDC cannot be reached"),
        ("no realm", "names no KDC for this realm"),
        ("simple", "this cluster wants Kerberos, and its site files here do not say so"),
    ],
)
def test_no_way_in(edge_node: Shell, tmp_path: Path, case: str, said: str) -> None:
    """One line says what is wrong and what to do."""
    shell = edge_node
    keytab = Path(shell.environment["KRB5KEYTAB"]).read_bytes()
    krb5_conf = Path(shell.environment["KRB5_CONFIG"]).read_text()
    closed = re.sub(r"kdc = .*", "kdc = localhost:1", krb5_conf)
    conf_dir = Path(shutil.copytree(shell.environment["HADOOP_CONF_DIR"], tmp_path / "conf"))
    if case == "simple":
        site = conf_dir / "core-site.xml"
        site.write_text(site.read_text().replace("<value>kerberos<", "<value>simple<"))
    variables = {
        "no ticket": {"KRB5KEYTAB": "", "KRB5CCNAME": str(tmp_path / "none")},
        "no principal": {"KRB5PRINCIPAL": ""},
        "no keytab": {"KRB5KEYTAB": str(tmp_path / "nowhere")},
        "not in keytab": {"KRB5PRINCIPAL": "nobody"},
        "other keys": {"KRB5KEYTAB": write(tmp_path / "others", other_keys(keytab))},
        "damaged keytab": {"KRB5KEYTAB": write(tmp_path / "damaged", keytab[1:])},
        "no krb5.conf": {"KRB5_CONFIG": str(tmp_path / "none")},
        "no KDC": {"KRB5_CONFIG": write(tmp_path / "krb5.conf", closed)},
        "no realm": {},
        "simple": {"HADOOP_CONF_DIR": str(conf_dir)},
    }[case]
    if case == "no realm":
        other = "Y" * len(REALM)
        content = keytab.replace(REALM.encode(), other.encode())
        variables["KRB5KEYTAB"] = write(tmp_path / "realm", content)
        variables["KRB5PRINCIPAL"] = f"guest@{other}"
    error = shell.using(**variables).yarnkernel("list").error(1)
    assert said in error
    assert len(error.splitlines()) == 1


def test_kdc_that_hangs(configuration: Configuration, tmp_path: Path) -> None:
    """Who does not answer is given up when the time is over."""
    krb5_conf = Path(configuration.environment["KRB5_CONFIG"]).read_text()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hanging = re.sub(r"kdc = .*", f"kdc = localhost:{port}", krb5_conf)
        variables = {"KRB5_CONFIG": write(tmp_path / "krb5.conf", hanging)}
        # Somebody who has no ticket yet.
        variables |= {"KRB5PRINCIPAL": f"HTTP/localhost@{REALM}"}
        environment = {**configuration.environment, **variables}
        chosen = Configuration(configuration.settings, configuration.source, environment)
        begin = time.monotonic()
        with pytest.raises(AuthenticationError, match="the KDC does not answer in time"):
            ask(chosen, 1)
        assert time.monotonic() - begin < 1 + PATIENCE


def kinit(shell: Shell, cache: Path, *options: str) -> Shell:
    """A user with a ticket and without a keytab."""
    if shutil.which("kinit") is None:
        pytest.skip("no kinit: scripts/setup-extras installs it where it may")
    shell = shell.using(KRB5CCNAME=str(cache))
    keytab = shell.environment["KRB5KEYTAB"]
    shell.run("kinit", *options, "-kt", keytab, shell.environment["KRB5PRINCIPAL"]).ok()
    return shell.using(KRB5KEYTAB=None, KRB5PRINCIPAL=None)


def test_ticket_cache(edge_node: Shell, tmp_path: Path) -> None:
    shell = kinit(edge_node, tmp_path / "cache")
    assert shell.yarnkernel("list", "--json").ok().document == []
    # It is not renewed, destroyed or filled with more than the server's ticket.
    assert "yarn/localhost" in shell.run("klist").ok().out


def test_expired_ticket(edge_node: Shell, tmp_path: Path) -> None:
    shell = kinit(edge_node, tmp_path / "cache", "-l", "2s")
    wait_for(lambda: shell.run("klist", "-s").code, 10, "a ticket of two seconds expired")
    assert "the ticket has expired; next: kinit" in shell.yarnkernel("list").error(1)


def test_without_a_shell_of_the_cluster(user: Shell, secure: Shell) -> None:
    """The local cluster's own ticket is taken where the environment has none."""
    shell = user.using(HADOOP_CONF_DIR=secure.environment["HADOOP_CONF_DIR"])
    assert shell.yarnkernel("list", "--json").ok().document == []


def test_names(configuration: Configuration) -> None:
    environment = configuration.environment
    assert name_in_cluster(configuration) == environment["KRB5PRINCIPAL"]
    assert name_in_cluster(as_user(configuration, "yarn/localhost")) == "yarn"


def test_realm_of_a_host(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster's realm need not be the users'."""
    krb5_conf = Path(configuration.environment["KRB5_CONFIG"]).read_text()
    krb5_conf += "\n[domain_realm]\n  localhost = CLUSTER.COM\n"
    monkeypatch.setenv("KRB5_CONFIG", "")
    variables = {"KRB5_CONFIG": write(tmp_path / "krb5.conf", krb5_conf)}
    assert realm_of_host("localhost", Tickets(variables), Deadline(20)) == "CLUSTER.COM"
    assert realm_of_host("127.0.0.2", Tickets(variables), Deadline(20)) == REALM


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the packages that have it."""
    monkeypatch.setattr(libgssapi, "_LIBRARY", "libnobody_has.so.7")
    libgssapi._library.cache_clear()
    try:
        with pytest.raises(AuthenticationError, match="apt-get install libgssapi-krb5-2"):
            default_realm(Tickets({}))
    finally:
        libgssapi._library.cache_clear()


def test_credentials_are_the_owners_alone(secure: Shell) -> None:
    keytab = Path(secure.environment["KRB5KEYTAB"])
    assert keytab.is_file()
    assert keytab.parents[1].stat().st_mode & 0o077 == 0
