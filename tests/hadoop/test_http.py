"""REST interfaces of Hadoop over real sockets: damaged answers, logs that grow, pairs, proxies."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HttpError, UnreadableFileError
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.http import fetch
from yarnkernel.hadoop.node_manager import container_status, running_logs, web_scheme
from yarnkernel.hadoop.site_files import load_configuration
from yarnkernel.hadoop.webhdfs import WebHdfs
from yarnkernel.local.sites import to_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yarnkernel.hadoop.container_logs import ContainerLog

#: Status, headers and content for a path with its query.
Reply = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers with ``reply(path)``."""

    daemon_threads = True
    reply: Callable[[str], Reply]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Who asked is gone: nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        status, headers, content = self.server.reply(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def other(server: Server) -> Iterator[Server]:
    with Server() as other:
        assert other.url != server.url
        yield other
        other.shutdown()


def listing(name: str, size: int) -> bytes:
    file = {"fileName": name, "fileSize": str(size), "lastModifiedTime": "now"}
    where = {"containerLogInfo": file, "nodeId": "node:1", "logAggregationType": "LOCAL"}
    return json.dumps({"containerLogsInfo": where}).encode()


def as_sent(content: bytes, wanted: int) -> bytes:
    """A log's last bytes as a NodeManager of Hadoop 3.5.0 sends them."""
    return (
        b"Container: c on node:1\nLogAggregationType: LOCAL\n====\nLogType:x.log\n"
        b"LogLastModifiedTime:now\nLogLength:%d\nLogContents:\n%s\n"
        b"End of LogType:x.log.This log file belongs to a running container\n***\n"
        % (len(content), content[-wanted:])
    )


def read(server: Server, start: int = 0) -> list[ContainerLog]:
    configuration = Configuration({}, "test")
    return list(running_logs(server.url, "c", lambda *_: start, Deadline(5), configuration))


@pytest.mark.parametrize("start", [0, 4, 10, 11])
@pytest.mark.parametrize("growth", [0, 1, 100_000, 3_000_000])
def test_log_that_grows(server: Server, start: int, growth: int) -> None:
    content = b"LogLength:1\nLogContents:\n" + bytes(range(256)) * (growth // 256)

    def reply(path: str) -> Reply:
        if path.endswith("/logs"):
            return 200, {}, listing("x.log", 10)
        return 200, {}, as_sent(content, -int(parse_qs(urlsplit(path).query)["size"][0]))

    server.reply = reply
    log, *others = read(server, start)
    whole = log.content + b"".join(other.content for other in others)
    assert whole == (content[start:] if start < 10 else b"")
    assert (log.node, log.name, log.start) == ("node:1", "x.log", start)


def test_log_that_grows_too_fast(server: Server) -> None:
    size = 10

    def reply(path: str) -> Reply:
        nonlocal size
        if path.endswith("/logs"):
            return 200, {}, listing("x.log", size)
        size *= 1 << 16
        return 200, {}, b"LogLength:%d\nLogContents:\nabc" % size

    server.reply = reply
    with pytest.raises(HttpError, match="grows faster"):
        read(server)


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (200, b"", "does not answer with JSON"),
        (200, b"[" * 5000, "does not answer with JSON"),
        (200, b"[]", "is not a list of logs"),
        (200, b'{"containerLogsInfo": 1}', "is not a list of logs"),
        (200, b'{"containerLogsInfo": [{"containerLogInfo": [{}]}]}', "is not a list of logs"),
        (200, listing("x.log", 1), "is not a log as Hadoop 3 sends it"),
        (401, b"", "answers 401"),
        (
            404,
            b'{"RemoteException": {"exception": "NotFound", "message": "no such\\n thing"}}',
            r"answers 404 \(NotFound: no such\)",
        ),
        (200, b'{"containerLogsInfo": null}', ""),
    ],
)
def test_what_is_no_log(server: Server, status: int, content: bytes, reason: str) -> None:
    server.reply = lambda _: (status, {}, content)
    if not reason:
        assert read(server) == []
        return
    with pytest.raises(HttpError, match=reason):
        read(server)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["containerLogsInfo", "containerLogInfo", "fileName", "fileSize"])
            | st.sampled_from(["FileStatuses", "FileStatus", "pathSuffix", "length"]),
            inner,
            max_size=3,
        )
    ),
)


@given(document=JSON)
@hypothesis_settings(max_examples=100)
def test_any_document(server: Server, document: Any) -> None:
    server.reply = lambda _: (200, {}, json.dumps(document).encode())
    for ask in (
        lambda: read(server),
        lambda: webhdfs(server).list_directory("/x", Deadline(5)),
    ):
        try:
            ask()
        except (HttpError, UnreadableFileError):
            continue


def test_redirects(server: Server, other: Server) -> None:
    server.reply = lambda _: (307, {"Location": f"{other.url}/there"}, b"")
    other.reply = lambda path: (200, {}, path.encode())
    assert fetch(f"{server.url}/here", Deadline(5)) == b"/there"
    other.reply = lambda _: (307, {"Location": "/there"}, b"")
    with pytest.raises(HttpError, match="more than 3 redirects"):
        fetch(f"{server.url}/here", Deadline(5))
    other.reply = lambda _: (307, {"Location": "gopher://x"}, b"")
    with pytest.raises(HttpError, match="is no address"):
        fetch(f"{server.url}/here", Deadline(5))


def test_silence(server: Server) -> None:
    going = threading.Event()

    def reply(_: str) -> Reply:
        going.wait(10)
        return 200, {}, b""

    server.reply = reply
    begin = time.monotonic()
    with pytest.raises(HttpError, match="did not answer in time"):
        fetch(server.url, Deadline(0.3))
    assert time.monotonic() - begin < 2
    going.set()


def test_drops() -> None:
    """A byte now and then: the deadline is one for all of it, headers and content."""
    for begin in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            going = threading.Event()

            def drip(
                listener: socket.socket = listener,
                begin: bytes = begin,
                going: threading.Event = going,
            ) -> None:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), connection:
                    connection.sendall(begin)
                    while not going.wait(0.1):
                        connection.sendall(b"H")

            threading.Thread(target=drip, daemon=True).start()
            began = time.monotonic()
            with pytest.raises(HttpError, match="did not answer in time"):
                fetch(f"http://127.0.0.1:{listener.getsockname()[1]}", Deadline(0.5))
            assert time.monotonic() - began < 2
            going.set()


def test_answer_that_is_too_large_or_too_short(server: Server) -> None:
    server.reply = lambda _: (200, {}, bytes(1 << 21))
    with pytest.raises(HttpError, match="answers with more than 1 MiB"):
        fetch(server.url, Deadline(5), largest=1 << 20)
    server.reply = lambda _: (200, {"Content-Length": "5"}, b"abc")
    with pytest.raises(HttpError, match="ends its answer too early"):
        fetch(server.url, Deadline(5))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed, with its key."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a node")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = directory / "node.pem"
    pem.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (directory / "node.crt").write_bytes(made.public_bytes(Encoding.PEM))
    der = made.public_bytes(Encoding.DER)
    entry = b"\x00\x00\x00\x02\x00\x01a" + bytes(8) + b"\x00\x05X.509"
    jks = b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01" + entry
    (directory / "trust.jks").write_bytes(jks + len(der).to_bytes(4, "big") + der + bytes(20))
    return pem


@pytest.fixture
def secret(certificate: Path) -> Iterator[Server]:
    with Server() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
        server.reply = lambda _: (200, {}, b"secret")
        yield server
        server.shutdown()


@pytest.mark.parametrize("store", ["node.crt", "trust.jks"])
def test_private_authority(
    secret: Server,
    certificate: Path,
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trusted where this machine or ssl-client.xml says so; else it is told what is missing."""
    core = tmp_path / "core-site.xml"
    core.write_text("<configuration/>")
    with pytest.raises(HttpError, match=r"is not trusted here: .*; next: set SSL_CERT_FILE"):
        fetch(secret.url, Deadline(5), load_configuration(tmp_path))
    location = {"ssl.client.truststore.location": str(certificate.with_name(store))}
    (tmp_path / "ssl-client.xml").write_text(to_xml(location))
    assert fetch(secret.url, Deadline(5), load_configuration(tmp_path)) == b"secret"
    other = {"hadoop.ssl.client.conf": "other.xml"}
    core.write_text(to_xml(other))
    with pytest.raises(HttpError, match="is not trusted here"):
        fetch(secret.url, Deadline(5), load_configuration(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("node.crt")))
    assert fetch(secret.url, Deadline(5)) == b"secret"


@pytest.mark.parametrize("content", [b"", b"\x30\x82", b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01"])
def test_truststore_of_another_kind(secret: Server, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "core-site.xml").write_text("<configuration/>")
    (tmp_path / "trust").write_bytes(content)
    location = {"ssl.client.truststore.location": str(tmp_path / "trust")}
    (tmp_path / "ssl-client.xml").write_text(to_xml(location))
    with pytest.raises(HttpError, match="trust is not read here"):
        fetch(secret.url, Deadline(5), load_configuration(tmp_path))


def test_own_status_with_tls(secret: Server) -> None:
    """A container learns what memory it has also where it has no certificates to trust."""
    status = {"container": {"state": "RUNNING", "totalMemoryNeededMB": 960}}
    secret.reply = lambda _: (200, {}, json.dumps(status).encode())
    configuration = Configuration({"yarn.http.policy": "HTTPS_ONLY"}, "test")
    address = f"{web_scheme(configuration)}://{urlsplit(secret.url).netloc}"
    assert container_status(address, "c", Deadline(5), configuration) == ("RUNNING", 960)
    assert web_scheme(Configuration({}, "test")) == "http"


def test_wrong_scheme(server: Server) -> None:
    server.reply = lambda _: (200, {}, b"")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def alert() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"\x15\x03\x03\x00\x02\x02P")  # as Java does

        threading.Thread(target=alert, daemon=True).start()
        with pytest.raises(HttpError, match=r"speaks TLS; is yarn.http.policy"):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}", Deadline(5))
    with pytest.raises(HttpError, match="does not speak TLS"):
        fetch(server.url.replace("http:", "https:"), Deadline(5))


def test_proxies_are_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.reply = lambda _: (200, {}, b"direct")
    assert fetch(server.url, Deadline(5)) == b"direct"


def webhdfs(*servers: Server) -> WebHdfs:
    settings = {"dfs.ha.namenodes.pair": ",".join(str(i) for i in range(len(servers)))}
    for i, server in enumerate(servers):
        settings[f"dfs.namenode.http-address.pair.{i}"] = urlsplit(server.url).netloc
    return WebHdfs(Configuration(settings, "test"), "hdfs", "pair")


def test_pair_of_namenodes(server: Server, other: Server) -> None:
    exception = {"exception": "StandbyException", "message": "not here"}
    server.reply = lambda _: (403, {}, json.dumps({"RemoteException": exception}).encode())
    files = {"FileStatuses": {"FileStatus": [{"pathSuffix": "a b", "length": 7}]}}
    other.reply = lambda path: (
        (200, {}, json.dumps(files).encode())
        if "op=LISTSTATUS" in path and "/webhdfs/v1/x%20y?" in path
        else (404, {}, b"")
    )
    assert webhdfs(server, other).list_directory("/x y", Deadline(5)) == {"a b": 7}
    assert webhdfs(server, other).list_directory("/x", Deadline(5)) is None
    exception["exception"] = "AccessControlException"
    with pytest.raises(UnreadableFileError, match="AccessControlException: not here"):
        webhdfs(server, other).list_directory("/x", Deadline(5))


def test_hdfs_with_kerberos() -> None:
    configuration = Configuration({"hadoop.security.authentication": "Kerberos"}, "test")
    with pytest.raises(UnreadableFileError, match="Kerberos"):
        WebHdfs(configuration, "hdfs", "h:1")
