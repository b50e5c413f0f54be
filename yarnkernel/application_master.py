"""Calls of an application's ApplicationMaster: its key-value store and its end.

It serves skein's ``AppMaster`` over mutual TLS, with the submitter's credentials.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import skein.kv
from skein import proto

from yarnkernel.skein_rpc import call, close_channel, credentials, key_value, open_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.application import ApplicationStatus


@contextlib.contextmanager
def _stub(status: ApplicationStatus) -> Iterator[Any]:
    channel = open_channel(f"{status.host}:{status.port}", credentials())
    try:
        yield proto.AppMasterStub(channel)
    finally:
        close_channel(channel)


def read_key(status: ApplicationStatus, key: str, timeout: float) -> bytes | None:
    """Read a key of an application's key-value store.

    Parameters
    ----------
    status : ApplicationStatus
        Of a running application.
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
        When the ApplicationMaster does not answer, or not to us.
    """
    with _stub(status) as stub:
        value: bytes | None = key_value(stub, skein.kv.get(key), timeout)
        return value


def put_key(status: ApplicationStatus, key: str, value: bytes, timeout: float) -> None:
    """Put a key into an application's key-value store; see :func:`read_key`."""
    with _stub(status) as stub:
        key_value(stub, skein.kv.put(key, value), timeout)


def shut_down(status: ApplicationStatus, diagnostics: str, timeout: float) -> None:
    """Ask an application's ApplicationMaster to end it as SUCCEEDED; see :func:`read_key`."""
    with _stub(status) as stub:
        request = proto.ShutdownRequest(final_status="SUCCEEDED", diagnostics=diagnostics)
        call(stub, "shutdown", request, timeout)
