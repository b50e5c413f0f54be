"""HTTP to daemons of Hadoop: never through a proxy of the environment, with a deadline."""

from __future__ import annotations

import http
import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from yarnkernel.errors import HttpError

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline

#: Bytes that are asked of the socket at once.
_CHUNK = 1 << 20
#: WebHDFS sends a reader to a DataNode, a NodeManager to where it put the logs.
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


def fetch(url: str, deadline: Deadline, *, method: str = "GET") -> bytes:
    """Request a URL and return what it answers.

    Parameters
    ----------
    url : str
        With ``http`` or ``https``.
    deadline : Deadline
        For everything, redirects included.
    method : str, default "GET"
        The request's method.

    Raises
    ------
    HttpError
        When the answer is an error or there is none in time.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        try:
            status, location, content = _request(url, method, deadline)
        except TimeoutError as exc:
            raise HttpError(f"{parts.netloc} did not answer in time") from exc
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise HttpError(f"{parts.netloc}: {getattr(exc, 'strerror', None) or exc}") from exc
        if status in _REDIRECTS:
            url = urljoin(url, location)
        elif status == http.HTTPStatus.OK:
            return content
        else:
            raise HttpError(f"{parts.netloc} answers {status}{_reason(content)}", status=status)
    raise HttpError(f"{urlsplit(url).netloc}: more than {_MAX_REDIRECTS} redirects")


def fetch_json(url: str, deadline: Deadline) -> Any:
    """Request a JSON document; see :func:`fetch`."""
    try:
        return json.loads(fetch(url, deadline))
    except (ValueError, RecursionError) as exc:
        raise HttpError(f"{urlsplit(url).netloc} does not answer with JSON") from exc


def _request(url: str, method: str, deadline: Deadline) -> tuple[int, str, bytes]:
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a web page")
    connection = kinds[parts.scheme](
        parts.hostname, parts.port, timeout=deadline.step(deadline.seconds)
    )
    try:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, target)
        sock = connection.sock  # the connection forgets it when the server is going to close it
        response = connection.getresponse()
        content = bytearray()
        while not deadline.passed:
            sock.settimeout(deadline.step(deadline.seconds))
            part = response.read1(_CHUNK)
            content += part
            if not part:
                return response.status, response.headers.get("Location", ""), bytes(content)
        raise TimeoutError
    finally:
        connection.close()


def _reason(content: bytes) -> str:
    """What a RemoteException of Hadoop's REST interfaces says."""
    try:
        said = json.loads(content)["RemoteException"]
        return f" ({said['exception']}: {said['message'].splitlines()[0]})"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""
