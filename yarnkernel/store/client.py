"""One interface to a kernel's key-value store, whether it speaks skein's protocol or not.

On YARN it speaks skein's gRPC (:mod:`yarnkernel.store.skein_client`), elsewhere ZeroMQ, which each
kernel's environment has (:mod:`yarnkernel.store.curve_client`).
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
    """The successive values of a key, as they are put.

    An iterator, which ends when another thread calls :meth:`stop` or after some time.
    """

    def __iter__(self) -> Iterator[bytes]:
        """Yield the current value, if any, and later ones.

        Raises
        ------
        RemoteError
            When the store no longer answers, or refuses the client.
        """

    def put(self, key: str, value: bytes) -> None:
        """Put a key over the same connection; see :func:`put_key`."""

    def stop(self) -> None:
        """End the watch; idempotent."""


def _client(address: StoreAddress) -> Any:
    # gRPC is slow to import, and curve_client does not need it.
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
        None if it has not been put yet.

    Raises
    ------
    RemoteError
        When the store does not answer, or refuses the client.
    """
    value: bytes | None = _client(address).read_key(address, key, timeout)
    return value


def read_key_of_all(
    addresses: Sequence[StoreAddress], key: str, timeout: float
) -> dict[str, bytes]:
    """Read a key of several kernels at once.

    Returns
    -------
    dict of str to bytes
        Values by kernel ids, of kernels that have the key and answer in time.
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
    """Ask the store's server to end the kernel cleanly; see :func:`read_key`."""
    _client(address).shut_down(address, diagnostics, timeout)


def describe_failure(error: RemoteError, address: StoreAddress) -> str:
    """Return the meaning of a store's error in words.

    Raises
    ------
    ApplicationError
        When it means that the user's credentials are refused.
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
