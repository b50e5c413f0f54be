"""gRPC calls to skein's servers, with a deadline on every call.

skein's Python client sets no deadlines (skein 0.8.2, core.py and kv.py), loses the servers'
messages when a connection fails, and uses the environment's proxy for servers inside the cluster.
Its generated classes do none of this.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import grpc

from yarnkernel.errors import ClusterError, UsageError
from yarnkernel.interrupts import deferred
from yarnkernel.store.address import SKEIN_NAME
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.skein_import import skein

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline

#: Seconds between two checks for Ctrl-C while a call waits.
INTERRUPT_INTERVAL = 0.1


def call(stub: Any, method: str, request: Any, timeout: float) -> Any:
    """Call a gRPC method and wait for the answer.

    Raises
    ------
    RemoteError
        When the server answers with an error, or not within ``timeout`` seconds.
    """
    return result(start_call(stub, method, request, timeout))


def start_call(stub: Any, method: str, request: Any, timeout: float) -> Any:
    """Start a gRPC call; a wait for its future can be resumed after an interruption."""
    with deferred():
        return getattr(stub, method).future(request, timeout=timeout)


def result(future: Any, deadline: Deadline | None = None) -> Any:
    """Wait for a started call until a deadline, which may be cut short, or the call's own.

    Raises
    ------
    RemoteError
        See :func:`call`.
    ClusterError
        When the certificate of both sides has expired.
    """
    while deadline is None or not deadline.passed:
        # Ctrl-C inside gRPC's own code would leave its locks held.
        with deferred():
            try:
                return future.result(timeout=INTERRUPT_INTERVAL)
            except grpc.FutureTimeoutError:
                continue  # the call has its own deadline
            except grpc.RpcError as exc:
                details = exc.details() or ""
                if "certificate has expired" in details:
                    raise _expired() from None
                raise RemoteError(exc.code().name, details) from None
    said = f"no answer within {deadline.seconds:.0f} s"
    raise RemoteError("DEADLINE_EXCEEDED", said)


def _expired() -> ClusterError:
    directory = skein.core.properties.config_dir
    return ClusterError(
        f"your skein certificate in {directory} has expired; next: skein config "
        "gencerts --force (kernels that were started with the old one can then only be stopped)"
    )


def close_channel(channel: grpc.Channel) -> None:
    """Close a channel; idempotent."""
    with deferred():
        channel.close()


def credentials() -> skein.Security:
    """Return the user's credentials for skein's servers; make them if there are none yet.

    ``Security.from_default`` of skein 0.8.2 would take those of the application that a kernel runs
    in, which are not for the kernel.

    Raises
    ------
    UsageError
        When they cannot be stored.
    """
    directory = skein.core.properties.config_dir
    # Another process may make them at the same time, and come first.
    with contextlib.suppress(FileNotFoundError):
        return skein.Security.from_directory(directory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses functions that are deprecated in Python 3.12
        made = skein.Security.new_credentials()
    try:
        return made.to_directory(directory)
    except FileExistsError:
        return skein.Security.from_directory(directory)
    except OSError as exc:
        raise UsageError(f"no credentials can be kept in {directory}: {exc.strerror}") from exc


def open_channel(
    address: str, security: skein.Security, name: str = SKEIN_NAME, root: bytes | None = None
) -> grpc.Channel:
    """Open a channel to a driver or an ApplicationMaster, with mutual TLS.

    Parameters
    ----------
    address : str
        ``host:port``.
    security : skein.Security
        The client's credentials, which the server got when it was started.
    name : str, optional
        The name in the server's certificate; by default skein's.
    root : bytes, optional
        PEM certificate that has to be the server's or its signer's; by default the client's.
    """
    with deferred():
        return grpc.secure_channel(address, _both_sides(security, root), _options(name))


def open_aio_channel(address: str, security: skein.Security) -> grpc.aio.Channel:
    """Open a channel for the running event loop; see :func:`open_channel`."""
    return grpc.aio.secure_channel(address, _both_sides(security), _options(SKEIN_NAME))


def _options(name: str) -> list[tuple[str, Any]]:
    return [
        ("grpc.ssl_target_name_override", name),
        ("grpc.default_authority", name),
        # The environment's web proxy does not reach ports inside the cluster.
        ("grpc.enable_http_proxy", 0),
    ]


def pair_of(security: skein.Security) -> tuple[bytes, bytes]:
    """Return the certificate and private key of some credentials, PEM."""
    return security._get_bytes("cert"), security._get_bytes("key")  # noqa: SLF001


def _both_sides(security: skein.Security, root: bytes | None = None) -> grpc.ChannelCredentials:
    certificate, key = pair_of(security)
    return grpc.ssl_channel_credentials(root or certificate, key, certificate)


def key_value(stub: Any, operation: Any, timeout: float) -> Any:
    """Perform an operation on an application's key-value store.

    Parameters
    ----------
    stub : skein.proto.AppMasterStub
        The ApplicationMaster.
    operation : skein.kv.Operation
        For example ``skein.kv.get("key")``.
    timeout : float
        Seconds.

    Returns
    -------
    object
        The operation's result; for a get, bytes or None.

    Raises
    ------
    RemoteError
        When the server answers with an error, or not in time.
    """
    method, request = operation._rpc, operation._build_operation()  # noqa: SLF001
    return operation._build_result(call(stub, method, request, timeout))  # noqa: SLF001
