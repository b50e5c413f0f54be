"""HTTP requests to Hadoop daemons, with a deadline and never through the environment's proxy."""

from __future__ import annotations

import contextlib
import http
import http.client
import io
import json
import ssl
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from yarnkernel.errors import HttpError, UnreachableError
from yarnkernel.hadoop.sockets import open_socket, socks_server, time_left
from yarnkernel.hadoop.tls import client_context, explain

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: Bytes to read from the socket at once.
CHUNK = 1 << 18
#: Largest document in bytes; logs and files are read in pieces.
LARGEST = 64 << 20
#: WebHDFS redirects to a DataNode, a NodeManager to the server with the logs.
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
#: Start of a TLS server's answer to a request without TLS.
_TLS_ALERT = "\x15\x03"


class Page:
    """A server's answer, read as it arrives."""

    def __init__(self, response: http.client.HTTPResponse, where: str) -> None:
        self._response = response
        self._where = where

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes, at most ``size``; empty at the end."""
        with _explained(self._where):
            content = self._response.read1(size)
        if not content and size and self._response.length:
            raise HttpError(f"{self._where} ends its answer too early")
        return content

    def read_all(self, largest: int = LARGEST) -> bytes:
        """Return all remaining bytes.

        Raises
        ------
        HttpError
            When they are more than ``largest``.
        """
        content = bytearray()
        while part := self.read():
            content += part
            if len(content) > largest:
                raise HttpError(f"{self._where} answers with more than {largest >> 20} MiB")
        return bytes(content)


@contextlib.contextmanager
def opened(
    url: str,
    deadline: Deadline,
    configuration: Configuration | None = None,
    *,
    method: str = "GET",
    verify: bool = True,
) -> Iterator[Page]:
    """Request a URL, and yield the answer to be read as it arrives.

    Parameters
    ----------
    url : str
        With ``http`` or ``https``.
    deadline : Deadline
        For everything, including redirects.
    configuration : Configuration, optional
        Of the cluster, for trusted certificates and a SOCKS server.
    method : str, default "GET"
        The request's method.
    verify : bool, default True
        Whether to verify the server's certificate with TLS.

    Raises
    ------
    HttpError
        When the answer is an error or there is none in time.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        where = urlsplit(url).netloc
        with contextlib.ExitStack() as stack:
            with _explained(where):
                connection = _Connection(url, deadline, configuration, verify=verify)
                stack.callback(connection.close)
                response = stack.enter_context(connection.ask(method))
            page = Page(response, where)
            if response.status == http.HTTPStatus.OK:
                yield page
                return
            if response.status not in _REDIRECTS:
                reason = _reason(page.read_all())
                raise HttpError(
                    f"{where} answers {response.status}{reason}", status=response.status
                )
            url = urljoin(url, response.headers.get("Location", ""))
    raise HttpError(f"{urlsplit(url).netloc}: more than {_MAX_REDIRECTS} redirects")


def fetch(
    url: str,
    deadline: Deadline,
    configuration: Configuration | None = None,
    *,
    method: str = "GET",
    largest: int = LARGEST,
) -> bytes:
    """Request a URL and return the answer; see :func:`opened`.

    Raises
    ------
    HttpError
        When the answer is an error or too large, or there is none in time.
    """
    with opened(url, deadline, configuration, method=method) as page:
        return page.read_all(largest)


def fetch_json(
    url: str,
    deadline: Deadline,
    configuration: Configuration | None = None,
    *,
    verify: bool = True,
) -> Any:
    """Request a JSON document; see :func:`opened`."""
    try:
        with opened(url, deadline, configuration, verify=verify) as page:
            return json.loads(page.read_all())
    except (ValueError, RecursionError) as exc:
        raise HttpError(f"{urlsplit(url).netloc} does not answer with JSON") from exc


def server_time(url: str, deadline: Deadline, configuration: Configuration) -> float:
    """Return the time of a server's clock in seconds since 1970, even from an error.

    Raises
    ------
    HttpError
        When it does not answer, or its answer has no date.
    """
    where = urlsplit(url).netloc
    with _explained(where):
        # The server's identity does not matter for this.
        connection = _Connection(url, deadline, configuration, verify=False)
        with contextlib.closing(connection), connection.ask("HEAD") as response:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
    return said.timestamp()


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    """Add the server to errors about a missing or unexpected answer."""
    try:
        yield
    except HttpError:
        raise
    except TimeoutError as exc:
        raise HttpError(f"{where} did not answer in time") from exc
    except http.client.RemoteDisconnected as exc:
        raise HttpError(f"{where} closed the connection") from exc
    except http.client.BadStatusLine as exc:
        said = "does not speak HTTP"
        if str(exc).startswith(_TLS_ALERT):
            said = "speaks TLS; is yarn.http.policy of the site files here HTTPS_ONLY?"
        raise HttpError(f"{where} {said}") from exc
    except ssl.SSLError as exc:
        raise HttpError(f"{where}: {explain(exc)}") from exc
    except (OSError, UnreachableError, http.client.HTTPException, ValueError) as exc:
        raise HttpError(f"{where}: {getattr(exc, 'strerror', None) or exc}") from exc


class _Connection(http.client.HTTPConnection):
    """A connection whose socket operations all keep to the deadline."""

    def __init__(
        self, url: str, deadline: Deadline, configuration: Configuration | None, *, verify: bool
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a web page")
        super().__init__(parts.hostname, parts.port or _PORTS[parts.scheme])
        self._target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._deadline = deadline
        self._configuration = configuration
        self._is_secret = parts.scheme == "https"
        self._verify = verify

    def ask(self, method: str) -> http.client.HTTPResponse:
        self.request(method, self._target)
        return self.getresponse()

    def connect(self) -> None:
        configuration = self._configuration
        socks = socks_server(configuration, self._deadline) if configuration else None
        context = client_context(configuration, verify=self._verify) if self._is_secret else None
        sock = open_socket((self.host, self.port), self._deadline, socks)
        if context is not None:
            sock.settimeout(time_left(self._deadline))
            with contextlib.ExitStack() as stack:
                stack.callback(sock.close)
                sock = context.wrap_socket(sock, server_hostname=self.host)
                stack.pop_all()
        self.sock = _Socket(sock, self._deadline)


class _Socket:
    """The part of a socket that http.client needs; each operation has the remaining time."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline
        self._is_read = False

    def sendall(self, content: bytes) -> None:
        self._socket.settimeout(time_left(self._deadline))
        self._socket.sendall(content)

    def makefile(self, *_: object) -> io.BufferedReader:
        self._is_read = True
        return io.BufferedReader(_Stream(self._socket, self._deadline), CHUNK)

    def close(self) -> None:
        """Close the socket, unless a reader has it, which closes it: see :class:`_Stream`."""
        if not self._is_read:
            self._socket.close()


class _Stream(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._socket.settimeout(time_left(self._deadline))
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _reason(content: bytes) -> str:
    """Return the text of a RemoteException from Hadoop's REST interfaces."""
    try:
        said = json.loads(content)["RemoteException"]
        return f" ({said['exception']}: {said['message'].splitlines()[0]})"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""
