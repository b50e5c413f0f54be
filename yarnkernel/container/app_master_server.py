"""skein's gRPC service ``AppMaster``, served by the kernel's own supervisor.

It answers as skein's ApplicationMaster does (ApplicationMaster.java of skein 0.8.2), so that
skein's clients and commands work. Requests about services and web pages are refused, as there are
none.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from yarnkernel.container.front_door import FrontDoor, guest_of
from yarnkernel.container.key_value_store import KeyValueStore, StoreError
from yarnkernel.container.own_process import raise_file_limit
from yarnkernel.container.skein_messages import messages
from yarnkernel.errors import AuthenticationError
from yarnkernel.kernel_status import CERTIFICATE_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from yarnkernel.container.identity import Identity
    from yarnkernel.port_range import PortRange

_log = logging.getLogger(__name__)

_SERVICE = messages.DESCRIPTOR.services_by_name["AppMaster"]
#: Seconds that pending answers have when the server ends.
GRACE = 0.5
#: Whoever does not soon show a certificate is not a client of ours; a client needs few streams.
_OPTIONS = (
    ("grpc.server_handshake_timeout_ms", 5000),
    ("grpc.max_concurrent_streams", 100),
)
_SHUTDOWN_DIAGNOSTICS = "Shutdown requested by user."


class AppMasterServer:
    """Serves clients over mutual TLS; an asynchronous context manager.

    Parameters
    ----------
    identity : Identity
        The certificates of both sides.
    specification : ApplicationSpec
        What was submitted, as skein's message.
    end : callable
        Called with a final status, such as ``"SUCCEEDED"``, and diagnostics when a client ends the
        application.

    Attributes
    ----------
    port : int
        Where it listens.
    store : KeyValueStore
        The application's key-value store.
    progress : float
        Of the application, as clients have set it.
    readers : set of str
        Numeric addresses of the hosts that have read keys, and so have the certificate.
    on_reader : callable
        Called with each of them.
    """

    def __init__(
        self, identity: Identity, specification: Any, end: Callable[[str, str], None]
    ) -> None:
        self.store = KeyValueStore(self.check_container)
        self.progress = 0.0
        self.port = 0
        self.readers: set[str] = set()
        self.on_reader: Callable[[str], None] = lambda _host: None
        self._specification = specification
        self._end = end
        self._identity = identity
        self._servers: list[grpc.aio.Server] = []
        self._door: FrontDoor | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    async def start(self, address: str, ports: PortRange | None = None) -> None:
        """Listen.

        Parameters
        ----------
        address : str
            The numeric address to listen on.
        ports : PortRange, optional
            Ports to listen on; by default any.

        Raises
        ------
        OSError, RuntimeError
            When no port is free.
        """
        # For this user alone. The container's directory may be too long a path for a socket.
        self._directory = tempfile.TemporaryDirectory(prefix=".yarnkernel-", dir=Path())
        self._door = FrontDoor(address, await self._serve(), raise_file_limit(), ports)
        self.port = self._door.port
        self._door.open()

    async def _serve(self) -> Path:
        """Start a server with the current certificate; return where it listens."""
        directory = Path(Path(self._directory.name).name) if self._directory else Path()
        path = directory / f"master{len(self._servers)}"
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self._handlers(),))
        server.add_secure_port(f"unix:{path}", self._identity.server_credentials())
        await server.start()
        self._servers.append(server)
        return path

    async def stop(self) -> None:
        """Close the port once pending answers are sent."""
        for server in self._servers:
            await server.stop(GRACE)
        if self._door is not None:
            await self._door.close()
        if self._directory is not None:
            self._directory.cleanup()

    def _handlers(self) -> grpc.GenericRpcHandler:
        """The service's methods: those of this class with the same name; all others are refused."""
        handlers = {}
        for method in _SERVICE.methods:
            codec = (_message_class(method.input_type), _message_class(method.output_type))
            make = grpc.unary_unary_rpc_method_handler
            if method.name == "Watch":
                make = grpc.stream_stream_rpc_method_handler
            behaviour = getattr(self, method.name, self._refuse)
            handlers[method.name] = make(behaviour, codec[0].FromString, codec[1].SerializeToString)
        return grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers)

    async def _refuse(self, _request: Any, context: Any) -> None:
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this application is one kernel without services and web pages "
            "(it was started by yarnkernel's direct way)",
        )

    def check_container(self, container: Any) -> str:
        """Say why there is no such container, a ContainerInstance."""
        return f"Unknown service '{container.service_name}'"

    async def shutdown(self, request: Any, _context: Any) -> Any:
        """End the application."""
        status = messages.FinalStatus.Type.Name(request.final_status)
        self._end(status, request.diagnostics or _SHUTDOWN_DIAGNOSTICS)
        return messages.Empty()

    async def getApplicationSpec(self, _request: Any, _context: Any) -> Any:  # noqa: N802  (skein's)
        """Return what was submitted."""
        return self._specification

    async def getContainers(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Return the containers of services: there are none."""
        for service in request.services:
            details = self.check_container(messages.ContainerInstance(service_name=service))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, details)
        return messages.ContainersResponse()

    async def SetProgress(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take the application's progress."""
        if not 0 <= request.progress <= 1:
            details = f"progress must be between 0 and 1, got {request.progress}"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, details)
        self.progress = request.progress
        return messages.Empty()

    async def GetProxies(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Return the web pages that were added: there are none."""
        return messages.GetProxiesResponse()

    def _note_reader(self, context: Any) -> None:
        host = guest_of(context.peer())
        self.readers.add(host)
        self.on_reader(host)

    async def GetRange(self, request: Any, context: Any) -> Any:  # noqa: N802
        """See :class:`KeyValueStore`."""
        self._note_reader(context)
        return self.store.get_range(request)

    async def DeleteRange(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """See :class:`KeyValueStore`."""
        return self.store.delete_range(request)

    async def PutKey(self, request: Any, context: Any) -> Any:  # noqa: N802
        """See :class:`KeyValueStore`."""
        if request.key == CERTIFICATE_KEY and self._identity.fingerprint:
            await self._take_certificate(request.value)
        return await self._checked(self.store.put_key, request, context)

    async def _take_certificate(self, certificate: bytes) -> None:
        try:
            self._identity.take(certificate)
        except AuthenticationError as exc:
            _log.warning("a certificate is not taken: %s", exc)
            return
        path = await self._serve()
        if self._door is not None:
            self._door.path = path

    async def Transaction(self, request: Any, context: Any) -> Any:  # noqa: N802
        """See :class:`KeyValueStore`."""
        self._note_reader(context)
        return await self._checked(self.store.transaction, request, context)

    async def _checked(self, carry_out: Callable[[Any], Any], request: Any, context: Any) -> Any:
        try:
            return carry_out(request)
        except StoreError as exc:
            await context.abort(grpc.StatusCode[exc.code], str(exc))

    async def Watch(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Tell of changes of keys until the client has no more requests."""
        self._note_reader(context)
        responses: asyncio.Queue[Any] = asyncio.Queue()
        watches: set[int] = set()
        reader = asyncio.create_task(self._read_watches(requests, watches, responses))
        try:
            while (response := await responses.get()) is not None:
                yield response
        finally:
            reader.cancel()
            for watch_id in watches:
                self.store.forget(watch_id)

    async def _read_watches(
        self, requests: AsyncIterator[Any], watches: set[int], responses: asyncio.Queue[Any]
    ) -> None:
        try:
            async for request in requests:
                if request.HasField("create"):
                    watch_id = self.store.watch(request.create, responses.put_nowait)
                    watches.add(watch_id)
                    answer = "CREATE"
                else:
                    watch_id, answer = request.cancel.watch_id, "CANCEL"
                    if watch_id in watches:
                        watches.discard(watch_id)
                        self.store.forget(watch_id)
                responses.put_nowait(messages.WatchResponse(type=answer, watch_id=watch_id))
        finally:
            responses.put_nowait(None)


def _message_class(descriptor: Any) -> Any:
    return getattr(messages, descriptor.name)
