"""Calls of an application's ApplicationMaster: its key-value store and its end.

It serves skein's ``AppMaster`` over mutual TLS, with the submitter's credentials.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import skein.kv
from skein import proto

from yarnkernel.errors import ApplicationError, ClusterError
from yarnkernel.skein_rpc import (
    RemoteError,
    call,
    close_channel,
    credentials,
    key_value,
    open_channel,
    result,
    start_call,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def read_key_of_all(
    statuses: Sequence[ApplicationStatus], key: str, timeout: float
) -> dict[str, bytes]:
    """Read a key of many applications at once.

    Returns
    -------
    dict of str to bytes
        Values by application id, of those that have the key and answer us in time.
    """
    operation = skein.kv.get(key)
    request = operation._build_operation()  # noqa: SLF001
    found = {}
    with contextlib.ExitStack() as stack:
        answers = [
            (
                status.app_id,
                start_call(stack.enter_context(_stub(status)), "GetRange", request, timeout),
            )
            for status in statuses
        ]
        for app_id, answer in answers:
            with contextlib.suppress(RemoteError, ClusterError):
                found[app_id] = operation._build_result(result(answer))  # noqa: SLF001
    return {app_id: value for app_id, value in found.items() if value is not None}


def describe_failure(error: RemoteError, status: ApplicationStatus) -> str:
    """Say in words what an ApplicationMaster's error means.

    Raises
    ------
    ApplicationError
        When it means that we may not ask it anything.
    """
    if error.other_credentials:
        raise ApplicationError(
            f"{status.app_id} of {status.user} was not submitted with your skein credentials",
            app_id=status.app_id,
            state=status.state,
            hint="set SKEIN_CONFIG to the directory with those it was submitted with",
        ) from error
    what = "does not answer" if error.unanswered else "refuses"
    return f"its ApplicationMaster at {status.host}:{status.port} {what}: {error}"


def put_key(status: ApplicationStatus, key: str, value: bytes, timeout: float) -> None:
    """Put a key into an application's key-value store; see :func:`read_key`."""
    with _stub(status) as stub:
        key_value(stub, skein.kv.put(key, value), timeout)


def delete_key(status: ApplicationStatus, key: str, timeout: float) -> None:
    """Delete a key of an application's key-value store; see :func:`read_key`."""
    with _stub(status) as stub:
        key_value(stub, skein.kv.discard(key), timeout)


def shut_down(status: ApplicationStatus, diagnostics: str, timeout: float) -> None:
    """Ask an application's ApplicationMaster to end it as SUCCEEDED; see :func:`read_key`."""
    with _stub(status) as stub:
        request = proto.ShutdownRequest(final_status="SUCCEEDED", diagnostics=diagnostics)
        call(stub, "shutdown", request, timeout)
