"""Requests to an application's ApplicationMaster: its key-value store and its end.

It serves skein's ``AppMaster`` over mutual TLS. Clients present the submitter's credentials; it
presents the same, or on the direct way its own certificate, signed with them.
"""

from __future__ import annotations

import contextlib
import queue
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc

from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError, UnreachableError
from yarnkernel.kernel_status import CERTIFICATE_KEY
from yarnkernel.store.credentials import credentials_of
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.rpc import (
    call,
    close_channel,
    key_value,
    open_channel,
    pair_of,
    result,
    start_call,
)
from yarnkernel.store.skein_import import skein

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Self

    from yarnkernel.store.address import StoreAddress

#: Seconds for a request within another call.
ANSWER_TIMEOUT = 5.0


def _channel(address: StoreAddress) -> grpc.Channel:
    return open_channel(str(address), credentials_of(address.kernel), address.name)


@contextlib.contextmanager
def _stub(address: StoreAddress) -> Iterator[Any]:
    channel = _channel(address)
    try:
        yield skein.proto.AppMasterStub(channel)
    finally:
        close_channel(channel)


class KeyReader:
    """Reads keys of one application repeatedly over one connection; a context manager."""

    def __init__(self) -> None:
        self._address: StoreAddress | None = None
        self._connection = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def read(self, address: StoreAddress, key: str, timeout: float) -> bytes | None:
        """Read a key; see :func:`read_key`.

        Raises
        ------
        AuthenticationError
            When another server answers instead of an ApplicationMaster that makes its own keys.
        """
        value: bytes | None = _asked(address, timeout, partial(self._read, address, key))
        return value

    def _read(self, address: StoreAddress, key: str, timeout: float) -> bytes | None:
        if address != self._address:
            self._connection.close()
            self._stub = self._connection.enter_context(_stub(address))
            self._address = address
        try:
            value: bytes | None = key_value(self._stub, skein.kv.get(key), timeout)
        except RemoteError as exc:
            if exc.other_credentials and address.makes_own_keys:
                # This connection would wait before a retry, even once certified.
                self._address = None
            raise
        return value


def _asked(address: StoreAddress, timeout: float, ask: Callable[[float], Any]) -> Any:
    """Make a request; certify an ApplicationMaster first if it has made its own keys."""
    deadline = Deadline(timeout)
    try:
        return ask(timeout)
    except RemoteError as exc:
        if not (exc.other_credentials and address.makes_own_keys and address.fingerprint):
            raise
    with contextlib.suppress(RemoteError):  # another client may have been first
        certify(address, deadline)
    return ask(deadline.step(timeout))


def certify(address: StoreAddress, deadline: Deadline) -> None:
    """Sign the certificate that an ApplicationMaster of the user has made for itself.

    From then on all clients with the submitter's credentials accept it, including stock skein's.
    YARN reports the fingerprint of its key, like its address.

    Raises
    ------
    AuthenticationError
        When the server presents another key.
    RemoteError
        When it does not answer, or another client has signed it in the meantime.
    """
    from yarnkernel.store.certificate import presented, public_key, signed  # noqa: PLC0415

    try:
        found = presented(address.host, address.port, address.fingerprint, deadline)
    except UnreachableError as exc:
        raise RemoteError("UNAVAILABLE", str(exc)) from exc
    security = credentials_of(address.kernel)
    certificate = signed(address.kernel, public_key(found), pair_of(security))
    channel = open_channel(str(address), security, address.name, root=found)
    try:
        stub = skein.proto.AppMasterStub(channel)
        put = skein.kv.put(CERTIFICATE_KEY, certificate)
        key_value(stub, put, deadline.step(ANSWER_TIMEOUT))
    finally:
        close_channel(channel)


def read_key(address: StoreAddress, key: str, timeout: float) -> bytes | None:
    """Read a key of a kernel's key-value store.

    Parameters
    ----------
    address : StoreAddress
        Of the store.
    key : str
        The key.
    timeout : float
        Seconds.

    Returns
    -------
    bytes or None
        None if it has not been put yet.

    Raises
    ------
    RemoteError
        When the ApplicationMaster does not answer, or refuses the client.
    """
    with KeyReader() as reader:
        return reader.read(address, key, timeout)


def read_key_of_all(
    addresses: Sequence[StoreAddress], key: str, timeout: float
) -> dict[str, bytes]:
    """Read a key of several applications at once.

    Returns
    -------
    dict of str to bytes
        Values by kernel ids, of kernels that have the key and answer in time.
    """
    operation = skein.kv.get(key)
    request = operation._build_operation()  # noqa: SLF001
    found = {}
    with contextlib.ExitStack() as stack:
        answers = [
            (
                address.kernel,
                start_call(stack.enter_context(_stub(address)), "GetRange", request, timeout),
            )
            for address in addresses
        ]
        for kernel, answer in answers:
            with contextlib.suppress(RemoteError, ClusterError):
                found[kernel] = operation._build_result(result(answer))  # noqa: SLF001
    return {kernel: value for kernel, value in found.items() if value is not None}


class KeyWatch:
    """The successive values of a key, as they are put.

    An iterator, which ends when another thread calls :meth:`stop` or after ``timeout`` seconds.

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
        self._key = key
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._channel = _channel(address)
        self._stub = skein.proto.AppMasterStub(self._channel)
        self._responses = self._stub.Watch(iter(self._requests.get, None), timeout=timeout)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the current value, if any, and later ones.

        Raises
        ------
        RemoteError
            When the ApplicationMaster no longer answers, or refuses the client.
        """
        end = self._key + "\0"
        create = skein.proto.WatchCreateRequest(start=self._key, end=end, event_type="PUT")
        self._requests.put(skein.proto.WatchRequest(create=create))
        try:
            next(self._responses)  # from now on no value is missed
            value = key_value(self._stub, skein.kv.get(self._key), ANSWER_TIMEOUT)
            if value is not None:
                yield value
            for response in self._responses:
                yield from (event.value for event in response.event)
        except grpc.RpcError as exc:
            if exc.code() not in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise RemoteError(exc.code().name, exc.details() or "") from None
        except StopIteration:
            return
        finally:
            self.stop()

    def put(self, key: str, value: bytes) -> None:
        """Put a key over the same connection; see :func:`put_key`."""
        key_value(self._stub, skein.kv.put(key, value), ANSWER_TIMEOUT)

    def stop(self) -> None:
        """End the watch; idempotent."""
        self._responses.cancel()
        self._requests.put(None)
        close_channel(self._channel)


def put_key(address: StoreAddress, key: str, value: bytes, timeout: float) -> None:
    """Put a key into a kernel's key-value store; see :func:`read_key`."""
    _asked(address, timeout, partial(_operate, address, skein.kv.put(key, value)))


def delete_key(address: StoreAddress, key: str, timeout: float) -> None:
    """Delete a key of a kernel's key-value store; see :func:`read_key`."""
    _asked(address, timeout, partial(_operate, address, skein.kv.discard(key)))


def _operate(address: StoreAddress, operation: Any, timeout: float) -> Any:
    with _stub(address) as stub:
        return key_value(stub, operation, timeout)


def shut_down(address: StoreAddress, diagnostics: str, timeout: float) -> None:
    """Ask an application's ApplicationMaster to end it as SUCCEEDED; see :func:`read_key`."""
    request = skein.proto.ShutdownRequest(final_status="SUCCEEDED", diagnostics=diagnostics)

    def ask(patience: float) -> None:
        with _stub(address) as stub:
            call(stub, "shutdown", request, patience)

    _asked(address, timeout, ask)
