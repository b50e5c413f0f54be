"""Files of Hadoop: site files and collected logs, whole and damaged."""

from __future__ import annotations

import base64
import contextlib
import getpass
import pwd
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rpc_server import Server, success
from yarnkernel.deadline import Deadline
from yarnkernel.errors import HadoopConfigurationError, UnreadableFileError
from yarnkernel.hadoop.addresses import parse_address, resourcemanager_addresses, server_principal
from yarnkernel.hadoop.aggregated_logs import aggregated_logs, read_containers
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.file_system import find_file_system, home_directory
from yarnkernel.hadoop.files import LocalFiles
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.name_node import NameNode
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.hadoop.tfile import TFile
from yarnkernel.hadoop.webhdfs import WebHdfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnkernel.hadoop.container_logs import ContainerLog

#: Written by TFile.Writer of Hadoop 3.5.0, with gz, blocks of 1 KiB and chunks of 1000 bytes:
#: VERSION, and two containers with logs of 0, 5 and 2500 bytes (a thousand of each letter).
TFILE = base64.b64decode(
    "0RHTaJG117Y530FAkrrhUHic42RgD3MNCvb092NhYGBglGGQSs7PK0nMzEstijeMNzAwABJgGsg6xMXAkZOfbqAH"
    "JBgYDcAcUwjHNBEEGLiBHCNTA4gKFhArcRSMglEw7EHSKBgFo2DYg+RRMOIAgwKDHKJVmGpgit4yNBptGY6CUTAK"
    "sIGBrrFGwSgYBbQHA91KGQX0BwwAwS6kUQABAAADAHic4+JkYA9zDQr29PdTUmCQS87PK0nMzEstik81MI03jDcw"
    "MAASYNrAwIgZAAywC4F4nGNKr2IUONO7QsQeABCDA0kDEWRhdGE6QkNGaWxlLmluZGV4Amd6zNQSChBkYXRhOlRG"
    "aWxlLmluZGV4Amd6zKMxLg9kYXRhOlRGaWxlLm1ldGEEbm9uZcydBgYAAAAAAAAA5gABAADREdNokbXXtjnfQUCS"
    "uuFQ"
)
CORE = """\
<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
<property><name>a</name><value>1</value></property>
<property><name>twice</name><value>${a}/${a}</value></property>
<property><name>loop</name><value>x${loop}</value></property>
<property><name>circle</name><value>${elcric}</value></property>
<property><name>elcric</name><value>${circle}</value></property>
<property><name>variables</name>
  <value>${env.NONE:-d}|${env.EMPTY:-d}|${env.EMPTY-d}|${env.SET}|${env.NONE-a:-b}</value></property>
<property><name>unknown</name><value>${env.NONE} ${a}</value></property>
<property><name>nested</name><value>${env.NONE:-${a}}</value></property>
<property><name>user</name><value>${user.name} ${user.home} ${java.io.tmpdir}</value></property>
<property><name>final</name><value>1</value><final>true</final></property>
<property><name>final</name><value>2</value></property>
<property><name>blanks</name><value> x </value></property>
<property name="attribute" value="v" final="true"/>
<property><name>attribute</name><value>w</value></property>
<property><name>none</name></property>
<property><name>no variable</name><value>${a b}${a}</value></property>
<xi:include href="included.xml"/>
<xi:include href="missing.xml"><xi:fallback>
  <property><name>fallback</name><value>1</value></property></xi:fallback></xi:include>
<property><name>comment</name><value>a<!-- c -->b</value></property>
<property><name>hexadecimal</name><value>-0x10</value></property>
<property><name>word</name><value>many</value></property>
<property><name>list</name><value> a,, b ,</value></property>
</configuration>
"""
INCLUDED = """\
<configuration><property><name>included</name><value>yes</value></property>
<property><name>final</name><value>3</value></property></configuration>
"""
YARN = """\
<configuration><property><name>final</name><value>4</value></property>
<property><name>attribute</name><value>x</value></property></configuration>
"""
INCLUDING = (
    '<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{}"/>'
    "</configuration>"
)


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("SET", "s")
    for name, text in (("core-site", CORE), ("included", INCLUDED), ("yarn-site", YARN)):
        (tmp_path / f"{name}.xml").write_text(text)
    return load_configuration(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [  # what Hadoop 3.5.0's own Configuration answers for these files
        ("twice", "1/1"),
        ("loop", "x${loop}"),
        ("variables", "d|d||s|a:-b"),
        ("unknown", "${env.NONE} ${a}"),
        ("nested", "1"),
        ("final", "1"),
        ("blanks", "x"),
        ("attribute", "v"),
        ("none", ""),
        ("no variable", "${a b}1"),
        ("included", "yes"),
        ("fallback", "1"),
        ("comment", "ab"),
    ],
)
def test_settings(configuration: Configuration, name: str, value: str) -> None:
    assert configuration.get(name) == value


def test_typed_settings(configuration: Configuration) -> None:
    assert configuration.get_int("hexadecimal", 0) == -16
    assert configuration.get_int("not set", 7) == 7
    with pytest.raises(HadoopConfigurationError, match="word is 'many', not a whole number"):
        configuration.get_int("word", 0)
    assert configuration.get_bool("word", default=True)
    assert configuration.get_list("list") == ["a", "b"]
    with pytest.raises(HadoopConfigurationError, match="more than 20 variables"):
        configuration.get("circle")
    user = pwd.getpwnam(getpass.getuser())
    assert configuration.get("user") == f"{user.pw_name} {user.pw_dir} /tmp"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<configuration>", "is not XML"),
        ("<html/>", "holds a <html>"),
        ("\xff", "is not XML"),
        (
            INCLUDING.format("none.xml"),
            "none.xml, which does not exist",
        ),
        (
            INCLUDING.format("core-site.xml"),
            "in a circle",
        ),
    ],
)
def test_damaged_site_file(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "core-site.xml").write_text(text, encoding="latin-1")
    with pytest.raises(HadoopConfigurationError, match=reason):
        load_configuration(tmp_path)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that has a site file."""
    site = "<configuration><property><name>a</name><value>web</value></property></configuration>"
    (tmp_path / "web").mkdir()
    (tmp_path / "web/site.xml").write_text(site)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def site(*parts: str) -> str:
    xi = "http://www.w3.org/2001/XInclude"
    return f'<configuration xmlns:xi="{xi}">{"".join(parts)}</configuration>'


def setting(name: str, value: str) -> str:
    return f"<property><name>{name}</name><value>{value}</value></property>"


def test_includes(tmp_path: Path, web: str) -> None:
    """Class path, URL, file: in this order, as Hadoop 3.5.0's handleInclude; its answers."""
    conf = tmp_path / "conf"
    (conf / "sub").mkdir(parents=True)
    elsewhere = tmp_path / "else where.xml"
    elsewhere.write_text(site(setting("b", "file")))
    (conf / "sub/a.xml").write_text(
        site('<xi:include href="of-conf.xml"/>', '<xi:include href="beside.xml"/>')
    )
    (conf / "of-conf.xml").write_text(site(setting("c", "class path")))
    (conf / "sub/of-conf.xml").write_text(site(setting("c", "beside")))
    (conf / "sub/beside.xml").write_text(site(setting("d", "beside")))
    fallback = f"<xi:fallback>{setting('e', 'fallback')}</xi:fallback>"
    (conf / "core-site.xml").write_text(
        site(
            f'<xi:include href="{web}/site.xml"/>',
            f'<xi:include href="{elsewhere.as_uri()}"/>',
            '<xi:include href="sub/a.xml"/>',
            f'<xi:include href="{web}/none.xml">{fallback}</xi:include>',
            f'<include href="{tmp_path}/else where.xml"/>',
        )
    )
    found = load_configuration(conf)
    assert found.settings == {
        "a": "web",
        "b": "file",
        "c": "class path",
        "d": "beside",
        "e": "fallback",
    }
    (conf / "core-site.xml").write_text(site(f'<xi:include href="{web}/none.xml"/>'))
    with pytest.raises(HadoopConfigurationError, match=r"includes http.*/none.xml: .* answers 404"):
        load_configuration(conf)
    (conf / "core-site.xml").write_text(site('<xi:include href="ftp://host/none.xml"/>'))
    with pytest.raises(HadoopConfigurationError, match="neither a file nor a page"):
        load_configuration(conf)


def test_two_directories(tmp_path: Path) -> None:
    """As on a class path: of each file, the first."""
    one, two = tmp_path / "one", tmp_path / "two"
    for directory, name, value in (
        (one, "yarn-site", "one"),
        (two, "yarn-site", "two"),
        (two, "core-site", "two"),
    ):
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.xml").write_text(site(setting(name, value)))
    assert load_configuration(one, two).settings == {"yarn-site": "one", "core-site": "two"}


RM = "yarn.resourcemanager"
PAIR = {f"{RM}.ha.enabled": "true", f"{RM}.ha.rm-ids": "one, two"}


@pytest.mark.parametrize(
    ("settings", "addresses"),
    [
        ({}, [("0.0.0.0", 8032)]),  # noqa: S104
        ({f"{RM}.hostname": "h"}, [("h", 8032)]),
        ({f"{RM}.hostname": "h", f"{RM}.address": "${%s.hostname}:1" % RM}, [("h", 1)]),  # noqa: UP031
        ({f"{RM}.address": "[::1]:1"}, [("::1", 1)]),
        (
            PAIR | {f"{RM}.hostname.one": "h", f"{RM}.address.two": "i:2"},
            [("h", 8032), ("i", 2)],
        ),
    ],
)
def test_addresses(settings: dict[str, str], addresses: list[tuple[str, int]]) -> None:
    assert resourcemanager_addresses(Configuration(settings, "test")) == addresses


def test_pair_without_an_address() -> None:
    with pytest.raises(HadoopConfigurationError, match=r"address\.one is not set"):
        resourcemanager_addresses(Configuration(PAIR, "test"))
    with pytest.raises(HadoopConfigurationError, match=r"no ha\.rm-ids"):
        resourcemanager_addresses(Configuration({f"{RM}.ha.enabled": "true"}, "test"))


@given(st.text())
def test_any_address(text: str) -> None:
    try:
        host, port = parse_address(text, 8032, "test")
    except HadoopConfigurationError:
        return
    assert host
    assert port >= 0


def test_principals() -> None:
    assert server_principal("rm/_HOST@EXAMPLE.COM", "Node.Example.com") == (
        "rm/node.example.com@EXAMPLE.COM"
    )
    assert server_principal("rm/host@EXAMPLE.COM", "other") == "rm/host@EXAMPLE.COM"
    assert server_principal("_HOST@EXAMPLE.COM", "other") == "_HOST@EXAMPLE.COM"
    assert "0.0.0.0" not in server_principal("rm/_HOST@EXAMPLE.COM", "0.0.0.0")  # noqa: S104


def test_file_systems() -> None:
    link = "fs.viewfs.mounttable.local.link."
    configuration = Configuration(
        {
            "fs.default.name": "viewfs://local/",
            f"{link}/user": "file:///data/user",
            f"{link}/user/hive": "hdfs://cluster/hive",
            f"{link}/s3": "s3a://bucket/x",
            f"{link}/circle": "viewfs://local/circle",
            "dfs.ha.namenodes.cluster": "a,b",
            "dfs.namenode.http-address.cluster.a": "h:1",
            "dfs.namenode.http-address.cluster.b": "i:2",
        },
        "test",
    )
    files, path = find_file_system(configuration, "/user/me/x%20y")
    assert isinstance(files, LocalFiles)
    assert path == "/data/user/me/x y"
    files, path = find_file_system(configuration, "/user/hive/x")
    assert isinstance(files, WebHdfs)
    assert path == "/hive/x"
    assert files.servers == ["http://h:1", "http://i:2"]
    for unreadable in ("/s3/x", "/circle/x", "/users", "abfs://x/y"):
        with pytest.raises(UnreadableFileError):
            find_file_system(configuration, unreadable)
    assert home_directory(configuration, "me") == "/user/me"


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ({}, "http://h:9870"),
        ({"dfs.namenode.http-address": "0.0.0.0:1"}, "http://h:1"),
        ({"dfs.http.policy": "HTTPS_ONLY"}, "https://h:9871"),
    ],
)
def test_one_namenode(settings: dict[str, str], server: str) -> None:
    assert WebHdfs(Configuration(settings, "test"), "hdfs", "h:8020").servers == [server]
    assert WebHdfs(Configuration(settings, "test"), "webhdfs", "x:5").servers == ["http://x:5"]


def read_tfile(content: bytes, start: int = 0) -> list[ContainerLog]:
    file = TFile(lambda offset, length: content[offset : offset + length], len(content))
    return list(read_containers(file, "node:1", lambda _container, _name, _size: start))


@pytest.mark.parametrize("start", [0, 3, 2499])
def test_collected_logs(start: int) -> None:
    logs = read_tfile(TFILE, start)
    assert {log.container for log in logs} == {
        "container_1_0001_01_000001",
        "container_e05_1_0001_01_000002",
    }
    for log in logs[:3], logs[3:]:
        assert [part.name for part in log] == ["log0.log", "log5.log", "log2500.log"]
        assert [part.content for part in log] == [
            b"", b"aaaaa"[start:], (b"a" * 1000 + b"b" * 1000 + b"c" * 500)[start:],
        ]  # fmt: skip


@given(st.integers(0, len(TFILE) - 1), st.integers(0, 255), st.booleans())
def test_damaged_collected_logs(position: int, byte: int, cut: bool) -> None:  # noqa: FBT001
    end = b"" if cut else bytes([byte]) + TFILE[position + 1 :]
    begin = time.monotonic()
    try:
        read_tfile(TFILE[:position] + end)
    except UnreadableFileError:
        pass
    else:
        assert not cut
    assert time.monotonic() - begin < 5


@given(st.binary())
def test_what_is_no_collected_log(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        read_tfile(content)


@pytest.mark.parametrize("directory", ["bucket-logs-tfile/0012/{}", "logs-tfile/{}", "logs/{}"])
def test_places_of_collected_logs(tmp_path: Path, directory: str) -> None:
    app_id = "application_1_10012"
    where = tmp_path / "me" / directory.format(app_id)
    where.mkdir(parents=True)
    (where / "a_host_8041").write_bytes(TFILE)
    (where / "another_8041.tmp").write_bytes(b"not there yet")
    (where / ".a_host_8041.crc").write_bytes(b"a checksum")
    configuration = Configuration(
        {"yarn.nodemanager.remote-app-log-dir": tmp_path.as_uri()}, "test"
    )
    logs = aggregated_logs(configuration, app_id, "me", lambda *_: 0, Deadline(5))
    assert {log.node for log in logs} == {"a_host:8041"}


def test_other_formats_of_collected_logs() -> None:
    configuration = Configuration({"yarn.log-aggregation.file-formats": "IFile"}, "test")
    with pytest.raises(UnreadableFileError, match="IFile"):
        list(aggregated_logs(configuration, "application_1_0001", "me", lambda *_: 0, Deadline(5)))


@pytest.mark.parametrize("uri", ["kms://https@keys:9600/kms", "", None])
def test_server_of_keys(uri: str | None) -> None:
    """What NameNodes say of it: where it is, that there is none, nothing."""

    def reply(call_id: int) -> bytes:
        content = message_class("hadoop.hdfs.GetServerDefaultsResponseProto")(
            serverDefaults={
                "blockSize": 1,
                "bytesPerChecksum": 1,
                "writePacketSize": 1,
                "replication": 1,
                "fileBufferSize": 1,
                "keyProviderUri": uri,
            }
        )
        return success(call_id, content)

    with Server(reply) as server:
        namenode = NameNode(Configuration({}, "test"), "{}:{}".format(*server.address))
        with contextlib.closing(namenode):
            assert namenode.key_provider(5) == uri
