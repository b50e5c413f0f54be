"""Clients of a kernel's key-value store: one face, whether skein's server keeps it or ours does.

On YARN a store speaks skein's gRPC (:mod:`yarnkernel.store.skein_client`), elsewhere ZeroMQ, which
each kernel's environment has (:mod:`yarnkernel.store.curve_client`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.errors import ApplicationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yarnkernel.store.address import StoreAddress
    from yarnkernel.store.remote_error import RemoteError


class KeyWatch(Protocol):
    """The values of a key, one after the other, as they are put.

    An iterator, which ends when another thread calls :meth:`stop` or after some time.
    """

    def __iter__(self) -> Iterator[bytes]:
        """Yield the value that there is, and the next ones.

        Raises
        ------
        RemoteError
            When the store does not answer any more, or not to us.
        """

    def put(self, key: str, value: bytes) -> None:
        """Put a key over the same connection; see :func:`put_key`."""

    def stop(self) -> None:
        """End it; idempotent."""


def _client(address: StoreAddress) -> Any:
    # gRPC is slow to import, and one of the two does without.
    name = "skein_client" if address.curve is None else "curve_client"
    return import_module(f"yarnkernel.store.{name}")


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
        None while nobody has put it.

    Raises
    ------
    RemoteError
        When the store does not answer, or not to us.
    """
    value: bytes | None = _client(address).read_key(address, key, timeout)
    return value


def read_key_of_all(
    addresses: Sequence[StoreAddress], key: str, timeout: float
) -> dict[str, bytes]:
    """Read a key of many kernels at once.

    Returns
    -------
    dict of str to bytes
        Values by the id of their kernels, of those that have the key and answer us in time.
    """
    found: dict[str, bytes] = {}
    for of_curve in (False, True):
        some = [one for one in addresses if (one.curve is not None) == of_curve]
        if some:
            found |= _client(some[0]).read_key_of_all(some, key, timeout)
    return found


def watch_key(address: StoreAddress, key: str, timeout: float) -> KeyWatch:
    """Watch a key for ``timeout`` seconds; see :func:`read_key`."""
    watch: KeyWatch = _client(address).KeyWatch(address, key, timeout)
    return watch


def put_key(address: StoreAddress, key: str, value: bytes, timeout: float) -> None:
    """Put a key into a kernel's key-value store; see :func:`read_key`."""
    _client(address).put_key(address, key, value, timeout)


def delete_key(address: StoreAddress, key: str, timeout: float) -> None:
    """Delete a key of a kernel's key-value store; see :func:`read_key`."""
    _client(address).delete_key(address, key, timeout)


def shut_down(address: StoreAddress, diagnostics: str, timeout: float) -> None:
    """Ask who keeps the store to end the kernel in good order; see :func:`read_key`."""
    _client(address).shut_down(address, diagnostics, timeout)


def describe_failure(error: RemoteError, address: StoreAddress) -> str:
    """Say in words what a store's error means.

    Raises
    ------
    ApplicationError
        When it means that we may not ask it anything.
    """
    if error.other_credentials:
        raise ApplicationError(
            f"{address.kernel} of {address.user} was not submitted with your skein credentials",
            app_id=address.kernel,
            state=address.state,
            hint="set SKEIN_CONFIG to the directory with those it was submitted with",
        ) from error
    if error.other_application:
        return f"another application answers at {address}, where it should"
    who = "ApplicationMaster" if address.curve is None else "supervisor"
    what = "does not answer" if error.unanswered else "refuses"
    return f"its {who} at {address} {what}: {error}"
