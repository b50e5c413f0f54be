"""Kerberos, against a KDC, a ResourceManager and a NameNode that want it."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.conftest import PATIENCE, Shell, wait_for
from tests.kernels import Kernel, start_kernel, write_spec
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    AuthenticationError,
    ClusterError,
    HadoopConfigurationError,
    InvalidTokenError,
    LocalClusterError,
    RpcError,
)
from yarnkernel.hadoop import libgssapi
from yarnkernel.hadoop.configuration import Configuration, load_configuration
from yarnkernel.hadoop.delegation_tokens import file_system_tokens
from yarnkernel.hadoop.gssapi import default_realm
from yarnkernel.hadoop.login import name_in_cluster
from yarnkernel.hadoop.name_node import PROTOCOL, NameNode
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.hadoop.rpc import RpcConnection
from yarnkernel.hadoop.sasl import TokenLogin
from yarnkernel.local.java import find_kerberos_java
from yarnkernel.local.options import PROTECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

pytestmark = pytest.mark.timeout(300)
SKEIN = """\
import sys, skein
with skein.Client() as client:
    application = client.connect(sys.argv[1])
    print(*application.kv)
    application.shutdown()
"""
REALM = "YARNKERNEL.LOCAL"
NAME = "secure"
#: Frames of the server's side of a connection: the offer of methods, two challenges, success, and
#: the answer to the first call.
ANSWER = 4


@pytest.fixture(scope="module")
def user(user_shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user whose home HDFS could not be below, because of the quote in its name."""
    return user_shell.using(XDG_STATE_HOME=str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="module")
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
    return load_configuration(Path(secure.environment["HADOOP_CONF_DIR"]), secure.environment)


def changed(configuration: Configuration, **settings: str) -> Configuration:
    """The same cluster with other settings; their dots are written as double underscores."""
    others = {name.replace("__", "."): value for name, value in settings.items()}
    return Configuration(
        configuration.settings | others, configuration.source, configuration.environment
    )


def as_user(configuration: Configuration, principal: str) -> Configuration:
    environment = {**configuration.environment, "KRB5PRINCIPAL": principal}
    return Configuration(configuration.settings, configuration.source, environment)


def ask(configuration: Configuration, timeout: float = 20) -> int:
    """Ask the ResourceManager how many nodes there are."""
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        return int(resource_manager.cluster_metrics(timeout).num_node_managers)


class Wire:
    """What passes between a client and the ResourceManager, and may be changed there."""

    def __init__(self, configuration: Configuration) -> None:
        host, port = configuration.get("yarn.resourcemanager.address").split(":")
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"localhost:{self._server.getsockname()[1]}"
        #: Frames from the server on the newest connection.
        self.frames: list[bytes] = []
        self.change: Callable[[int, bytearray], None] = lambda _index, _frame: None
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        self.frames = frames = []
        with client, socket.create_connection(self._target) as server:
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            stream = server.makefile("rb")
            with contextlib.suppress(OSError):
                while length := stream.read(4):
                    frame = bytearray(stream.read(int.from_bytes(length, "big")))
                    frames.append(bytes(frame))
                    self.change(len(frames) - 1, frame)
                    client.sendall(length + frame)
                client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(configuration: Configuration) -> Iterator[Wire]:
    with Wire(configuration) as wire:
        yield wire


def through(wire: Wire, configuration: Configuration, protection: str) -> Configuration:
    return changed(
        configuration,
        yarn__resourcemanager__address=wire.address,
        hadoop__rpc__protection=protection,
    )


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_protection(wire: Wire, configuration: Configuration, protection: str) -> None:
    """Who listens reads answers unless they are private; who changes them is noticed if wanted."""
    chosen = through(wire, configuration, protection)
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        queue = resource_manager.queue("root", 20)
        assert sorted(child.queueName for child in queue.childQueues) == ["default", "small"]
        readable = any(b"small" in frame for frame in wire.frames)
        assert readable == (protection != "privacy")
        for _ in range(3):  # the packets of a connection are numbered
            assert resource_manager.cluster_metrics(20).num_node_managers == 1

    def change(index: int, frame: bytearray) -> None:
        if index == ANSWER:
            frame[-1] ^= 1

    wire.change = change
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        expected = (
            contextlib.nullcontext()
            if protection == "authentication"
            else pytest.raises(RpcError, match="changed on its way")
        )
        with expected:
            resource_manager.cluster_metrics(20)


@given(index=st.integers(0, ANSWER), position=st.integers(0, 2**16), bit=st.integers(0, 7))
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_frames(
    wire: Wire, configuration: Configuration, index: int, position: int, bit: int
) -> None:
    """Wherever a bit falls over, there is the right answer or an error of ours."""

    def change(number: int, frame: bytearray) -> None:
        if number == index:
            frame[position % len(frame)] ^= 1 << bit

    wire.change = change
    chosen = through(wire, configuration, "privacy")
    # A damaged message of success may be the only sign that all is well: none waits for ever.
    with contextlib.suppress(ClusterError):
        assert ask(chosen, 1) == 1
        assert index != ANSWER or len(wire.frames) != ANSWER + 1 or not _matters(wire, position)


def _matters(wire: Wire, position: int) -> bool:
    """Whether a byte of the answer is part of what Kerberos protects."""
    frame = wire.frames[ANSWER]
    return position % len(frame) >= frame.index(b"\x05\x04")


def test_packets_twice(wire: Wire, configuration: Configuration) -> None:
    """An answer of the same connection that was heard before is none."""
    heard: list[bytes] = []

    def repeat(index: int, frame: bytearray) -> None:
        if index == ANSWER:
            heard.append(bytes(frame))
        elif index > ANSWER:
            frame[:] = heard[0]

    wire.change = repeat
    chosen = through(wire, configuration, "integrity")
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        assert resource_manager.cluster_metrics(20).num_node_managers == 1
        with pytest.raises(RpcError, match="not the next one"):
            resource_manager.cluster_metrics(20)


def test_protection_that_the_server_does_not_offer(configuration: Configuration) -> None:
    unknown = changed(configuration, hadoop__rpc__protection="secrecy")
    with pytest.raises(HadoopConfigurationError, match=r"hadoop.rpc.protection has 'secrecy'"):
        ask(unknown)


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


@pytest.mark.parametrize(("pattern", "fits"), [("yarn/*@*", True), ("rm/*@*", False)])
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


@pytest.fixture(scope="module")
def edge_node(secure: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user with the site files of a cluster that is not known to be a local one."""
    conf_dir = tmp_path_factory.mktemp("edge") / "conf"
    shutil.copytree(secure.environment["HADOOP_CONF_DIR"], conf_dir)
    return secure.using(HADOOP_CONF_DIR=str(conf_dir))


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
        ("no ticket", "there is no ticket; next: kinit, or set KRB5KEYTAB and KRB5PRINCIPAL"),
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


@pytest.fixture
def kernel(secure: Shell, tmp_path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A kernel with a file from HDFS, started the direct way."""
    (tmp_path / "greeting").write_text("from HDFS")
    home = f"/user/{secure.environment['KRB5PRINCIPAL']}"
    secure.run("hadoop", "fs", "-put", "-f", tmp_path / "greeting", home).ok()
    configuration = load_configuration(Path(secure.environment["HADOOP_CONF_DIR"]))
    url = f"{configuration.get('fs.defaultFS')}{home}/greeting"
    spec = write_spec(tmp_path, "exec python -m yarnkernel.recipe")
    files = f"master:\n  files: {{greeting: '{url}'}}\n"
    spec.write_text(spec.read_text().replace("master:\n", files))
    shell = secure.using(YARNKERNEL_VIA="direct")
    app_id, info = start_kernel(shell, spec)
    try:
        yield app_id, info
    finally:
        secure.yarnkernel("stop", "--force", app_id)


def test_direct_way(secure: Shell, kernel: tuple[str, dict[str, Any]]) -> None:
    """A kernel with Kerberos, privacy and HDFS, and skein's own client on it."""
    app_id, info = kernel
    with Kernel(info) as client:
        assert client.run("print(open('greeting').read(), end='')") == "from HDFS"
    listed = secure.yarnkernel("list", "--json").ok().document
    assert [entry["app_id"] for entry in listed] == [app_id]
    assert listed[0]["user"] == secure.environment["KRB5PRINCIPAL"]

    guest = secure.using(KRB5PRINCIPAL="guest")
    denied = guest.yarnkernel("stop", "--force", app_id).error(1)
    assert "User guest cannot perform operation MODIFY_APP" in denied
    assert "guest has no kernel here" in guest.yarnkernel("stop", "--all").ok().err

    # What `skein kv ls` and `skein application shutdown` do, by one JVM instead of two.
    shown = secure.run(sys.executable, "-c", SKEIN, app_id).ok().out
    assert "ipython.kernel.info" in shown.split()

    def ended() -> bool:
        status = secure.yarnkernel("status", app_id, "--json").ok().document
        return bool(status["state"] == "FINISHED")

    wait_for(ended, 30, f"{app_id} FINISHED")


def test_tokens_for_hdfs(configuration: Configuration) -> None:
    """A token lets in who has no ticket, until it is cancelled; its renewer may renew it."""
    url = configuration.get("fs.defaultFS")
    ((service, token),) = file_system_tokens(configuration, [f"{url}/x"], Deadline(20)).items()
    assert (token.kind, token.service) == ("HDFS_DELEGATION_TOKEN", service)
    assert service == f"127.0.0.1:{url.rpartition(':')[2]}"
    host, port = url.removeprefix("hdfs://").split(":")
    message: dict[str, Any] = vars(token)

    def look() -> bool:
        connection = RpcConnection((host, int(port)), PROTOCOL, configuration, TokenLogin(token))
        namenode = NameNode(configuration, f"{host}:{port}")
        namenode._connections = [connection]
        with contextlib.closing(namenode):
            return namenode.file_info("/user", 20) is not None

    assert look()
    renewer = as_user(configuration, "yarn/localhost")
    with contextlib.closing(NameNode(renewer, f"{host}:{port}")) as namenode:
        answer = namenode.call("RenewDelegationToken", 20, package="common", token=message)
        assert answer.newExpiryTime > 0
    with contextlib.closing(NameNode(configuration, f"{host}:{port}")) as namenode:
        namenode.call("CancelDelegationToken", 20, package="common", token=message)
    with pytest.raises(InvalidTokenError):
        look()


def test_tokens_of_what_a_viewfs_mounts(configuration: Configuration) -> None:
    url = configuration.get("fs.defaultFS")
    chosen = changed(configuration, fs__defaultFS="viewfs://both/")
    chosen.settings["fs.viewfs.mounttable.both.link./data"] = f"{url}/data"
    chosen.settings["fs.viewfs.mounttable.both.linkFallback"] = f"{url}/"
    chosen.settings["fs.viewfs.mounttable.both.link./local"] = "file:///tmp"
    assert len(file_system_tokens(chosen, [], Deadline(20))) == 1
    simple = changed(configuration, hadoop__security__authentication="simple")
    assert file_system_tokens(simple, [url], Deadline(20)) == {}


def test_protection_without_kerberos(user_shell: Shell) -> None:
    """ApplicationMasters log in by tokens: their words are protected on every cluster."""
    start = ("cluster", "start", "--name", "private", "--rpc-protection", "privacy")
    user_shell.yarnkernel(*start, timeout=900).ok()
    try:
        env = user_shell.yarnkernel("cluster", "env", "--name", "private", "--json").ok().document
        shell = user_shell.using(**env, YARNKERNEL_VIA="direct")
        app_id = shell.yarnkernel("start").ok().out.strip()
        assert "SUCCEEDED" in shell.yarnkernel("stop", app_id).ok().err
    finally:
        user_shell.yarnkernel("cluster", "stop", "--name", "private").ok()
    assert "secrecy" in user_shell.yarnkernel(*start[:-1], "secrecy").error(2)


def test_no_renewer_for_tokens(configuration: Configuration) -> None:
    chosen = changed(configuration, yarn__resourcemanager__principal="")
    with pytest.raises(HadoopConfigurationError, match=r"yarn.resourcemanager.principal"):
        file_system_tokens(chosen, [], Deadline(20))


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names the packages that have it."""
    monkeypatch.setattr(libgssapi, "_LIBRARY", "libnobody_has.so.7")
    libgssapi._library.cache_clear()
    try:
        with pytest.raises(AuthenticationError, match="apt-get install libgssapi-krb5-2"):
            default_realm({})
    finally:
        libgssapi._library.cache_clear()


def test_credentials_are_the_owners_alone(secure: Shell) -> None:
    keytab = Path(secure.environment["KRB5KEYTAB"])
    assert keytab.is_file()
    assert keytab.parents[1].stat().st_mode & 0o077 == 0
