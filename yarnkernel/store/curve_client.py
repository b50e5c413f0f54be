"""Requests to the key-value store of a supervisor outside YARN."""

from __future__ import annotations

import contextlib
import itertools
import math
import queue
import time
from typing import TYPE_CHECKING

import zmq

from yarnkernel.deadline import Deadline
from yarnkernel.store.curve_messages import (
    DELETE,
    END,
    GET,
    LARGEST,
    PUT,
    REFUSED,
    VALUE,
    WATCH,
)
from yarnkernel.store.remote_error import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from yarnkernel.store.address import StoreAddress

#: Seconds between two checks whether a watch has been stopped.
LOOK_INTERVAL = 0.1
#: Seconds after which a silent connection is opened again.
HEARTBEAT = 5.0


class _Connection:
    """A connection to one store, for one thread; a context manager."""

    def __init__(self, address: StoreAddress) -> None:
        if address.curve is None:
            raise ValueError(f"{address} is no store of this kind")
        self._where = str(address)
        self._ids = itertools.count()
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        for option, value in {
            zmq.LINGER: 0,
            zmq.IPV6: int(":" in address.host),
            zmq.MAXMSGSIZE: LARGEST,
            zmq.HEARTBEAT_IVL: int(HEARTBEAT * 1000),
            zmq.CURVE_SERVERKEY: address.curve.server.encode(),
            zmq.CURVE_PUBLICKEY: address.curve.public.encode(),
            zmq.CURVE_SECRETKEY: address.curve.secret.encode(),
        }.items():
            self._socket.setsockopt(option, value)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._socket.connect(f"tcp://{host}:{address.port}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, verb: bytes, *arguments: bytes) -> bytes:
        """Send a request, and return its id."""
        request = str(next(self._ids)).encode()
        self._socket.send_multipart([request, verb, *arguments])
        return request

    def receive(self, timeout: float) -> tuple[bytes, bytes | None] | None:
        """Return the next answer: the request's id and the value (None for no value).

        Return None if there is no answer within ``timeout`` seconds.

        Raises
        ------
        RemoteError
            When the answer is a refusal.
        """
        if not self._socket.poll(math.ceil(timeout * 1000)):
            return None
        request, result, *values = self._socket.recv_multipart()
        if result == REFUSED:
            raise RemoteError("INVALID_ARGUMENT", b"".join(values).decode(errors="replace"))
        return request, values[0] if result == VALUE and values else None

    def ask(self, timeout: float, verb: bytes, *arguments: bytes) -> bytes | None:
        """Send a request, and return the value of its answer.

        Raises
        ------
        RemoteError
            When the request is refused or not answered in time.
        """
        request = self.send(verb, *arguments)
        deadline = Deadline(timeout)
        while (answer := self.receive(deadline.remaining)) is not None:
            if answer[0] == request:
                return answer[1]
        raise RemoteError("DEADLINE_EXCEEDED", f"no answer within {timeout:.0f} s")


def read_key(address: StoreAddress, key: str, timeout: float) -> bytes | None:
    """See :func:`yarnkernel.store.client.read_key`."""
    with _Connection(address) as connection:
        return connection.ask(timeout, GET, key.encode())


def read_key_of_all(
    addresses: Sequence[StoreAddress], key: str, timeout: float
) -> dict[str, bytes]:
    """See :func:`yarnkernel.store.client.read_key_of_all`."""
    deadline = Deadline(timeout)
    found = {}
    with contextlib.ExitStack() as stack:
        asked = [
            (address.kernel, stack.enter_context(_Connection(address))) for address in addresses
        ]
        for _, connection in asked:
            connection.send(GET, key.encode())
        for kernel, connection in asked:
            with contextlib.suppress(RemoteError):
                answer = connection.receive(deadline.remaining)
                if answer is not None and answer[1] is not None:
                    found[kernel] = answer[1]
    return found


def put_key(address: StoreAddress, key: str, value: bytes, timeout: float) -> None:
    """See :func:`yarnkernel.store.client.put_key`."""
    with _Connection(address) as connection:
        connection.ask(timeout, PUT, key.encode(), value)


def delete_key(address: StoreAddress, key: str, timeout: float) -> None:
    """See :func:`yarnkernel.store.client.delete_key`."""
    with _Connection(address) as connection:
        connection.ask(timeout, DELETE, key.encode())


def shut_down(address: StoreAddress, diagnostics: str, timeout: float) -> None:
    """See :func:`yarnkernel.store.client.shut_down`."""
    with _Connection(address) as connection:
        connection.ask(timeout, END, diagnostics.encode())


class KeyWatch:
    """See :class:`yarnkernel.store.client.KeyWatch`.

    Parameters
    ----------
    address : StoreAddress
        Of the store.
    key : str
        The key.
    timeout : float
        Seconds.
    """

    def __init__(self, address: StoreAddress, key: str, timeout: float) -> None:
        self._address = address
        self._key = key
        self._end = time.monotonic() + timeout
        self._timeout = timeout
        self._is_stopped = False
        self._puts: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[bytes]:
        """See :class:`yarnkernel.store.client.KeyWatch`."""
        # A socket belongs to one thread: this one, which polls for puts and the stop.
        with _Connection(self._address) as connection:
            request = connection.send(WATCH, self._key.encode(), str(self._timeout).encode())
            answered = False
            while not self._is_stopped and time.monotonic() < self._end:
                while not self._puts.empty():
                    key, value = self._puts.get_nowait()
                    connection.send(PUT, key.encode(), value)
                answer = connection.receive(LOOK_INTERVAL)
                if answer is None:
                    continue
                answered = True
                if answer[0] == request and answer[1] is not None:
                    yield answer[1]
            if not answered and not self._is_stopped:
                raise RemoteError("DEADLINE_EXCEEDED", f"no answer within {self._timeout:.0f} s")

    def put(self, key: str, value: bytes) -> None:
        """See :class:`yarnkernel.store.client.KeyWatch`."""
        self._puts.put((key, value))

    def stop(self) -> None:
        """See :class:`yarnkernel.store.client.KeyWatch`."""
        self._is_stopped = True
