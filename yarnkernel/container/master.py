"""The ApplicationMaster in the recipe's own process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

from yarnkernel.connection import RECIPE_DIAGNOSTICS
from yarnkernel.container.address import addresses, container_address
from yarnkernel.container.app_master_server import AppMasterServer
from yarnkernel.container.errors import MasterError
from yarnkernel.container.further import Further
from yarnkernel.container.heartbeats import Heartbeats
from yarnkernel.container.identity import Identity
from yarnkernel.container.memory import requested_memory
from yarnkernel.container.skein_messages import messages
from yarnkernel.deadline import Deadline
from yarnkernel.errors import (
    ClusterError,
    HttpError,
    InvalidTokenError,
    NotFoundError,
    YarnKernelError,
)
from yarnkernel.hadoop.application_master_protocol import ApplicationMasterProtocol
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.node_manager import container_status, web_scheme
from yarnkernel.kernel_status import COMMAND_END, COMMAND_PREFIX, LOGS_KEY, Command
from yarnkernel.store.address import fingerprint_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from typing_extensions import Self

    from yarnkernel.container.further_options import FurtherOptions
    from yarnkernel.hadoop.credentials import Token
    from yarnkernel.port_range import PortRange
    from yarnkernel.store.master_launch import MasterLaunch

_log = logging.getLogger(__name__)

#: Seconds for one heartbeat.
HEARTBEAT_TIMEOUT = 10.0
#: Setting for how long the ResourceManager may not answer before the application is given up, as
#: for all ApplicationMasters, and its default.
GIVE_UP_SETTING = "yarn.resourcemanager.connect.max-wait.ms"
GIVE_UP_MILLISECONDS = 900_000
#: Seconds for its value -1 (for ever): longer than any kernel's life (``--max-lifetime``), and
#: small enough for 32 bits of milliseconds.
FOR_EVER = 20 * 86400.0
#: Seconds for this host's NodeManager to tell the container's status, and the same when it may be
#: about to end us.
STATUS_TIMEOUT, LAST_STATUS_TIMEOUT = 30.0, 1.0
#: Seconds that this host's clock may be slow without a warning.
CLOCK_TOLERANCE = 5.0
#: Port of a server that other hosts cannot reach.
LOOPBACK = "127.0.0.1"


class Master:
    """Registers with the ResourceManager, serves clients, and unregisters; see :class:`Store`.

    Parameters
    ----------
    launch : MasterLaunch
        What the submitter has sent.
    token : Token
        The token to log in with.
    asked_to_end : asyncio.Event
        Set when a client asks for the application's end, or YARN has ended it.
    further : FurtherOptions
        The further containers that the kernel may request.
    ports : PortRange, optional
        Ports for clients; any by default.
    """

    def __init__(
        self,
        launch: MasterLaunch,
        token: Token,
        asked_to_end: asyncio.Event,
        further: FurtherOptions,
        ports: PortRange | None = None,
    ) -> None:
        self._ports = ports
        behind = launch.submitted - time.time()
        if behind > CLOCK_TOLERANCE:
            _log.warning(
                "this host's clock is %.0f s behind the submitter's: "
                "certificates that were made lately are not valid here yet",
                behind,
            )
        configuration = self._configuration = Configuration(launch.settings, "the cluster")
        milliseconds = configuration.get_int(GIVE_UP_SETTING, GIVE_UP_MILLISECONDS)
        self._give_up = FOR_EVER if milliseconds < 0 else milliseconds / 1000
        self._protocol = ApplicationMasterProtocol(launch.schedulers, token, configuration)
        self._identity = Identity.of(launch, os.environ.get("SKEIN_APPLICATION_ID", ""))
        self._server = AppMasterServer(
            self._identity,
            messages.ApplicationSpec.FromString(launch.specification),
            self._end_soon,
        )
        self._further = Further(
            further, launch, configuration, self._hasten, partial(self._put_soon, LOGS_KEY)
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked_to_end = asked_to_end
        self._final: tuple[str, str] | None = None
        self._has_lost = False
        self._heartbeats: Heartbeats | None = None

    async def __aenter__(self) -> Self:
        host, address = await asyncio.to_thread(_own_host)
        try:
            await self._server.start(address, self._ports)
        except OSError as exc:
            await self._server.stop()
            # Register all the same, so that YARN gets the reason instead of a lost
            # ApplicationMaster.
            reason = f"{RECIPE_DIAGNOSTICS}cannot be reached: {exc.strerror or exc}."
            with contextlib.suppress(ClusterError):
                await asyncio.to_thread(self._protocol.register, host, 0, self._give_up, "")
                await self._finish("FAILED", reason)
            raise YarnKernelError(reason) from exc
        page = ""
        if self._identity.fingerprint:
            page = fingerprint_url(self._identity.fingerprint)
        port = self._server.port
        try:
            answer = await asyncio.to_thread(
                self._protocol.register, host, port, self._give_up, page
            )
        except ClusterError as exc:
            await self._server.stop()
            reason = f"the ResourceManager does not register us: {exc}"
            if isinstance(exc, InvalidTokenError):
                # This is the case where NodeManagers give containers tokens for their own
                # AMRMProxy.
                reason += (
                    "; with yarn.nodemanager.amrmproxy.enabled, the client's site files need its "
                    "address as yarn.resourcemanager.scheduler.address"
                )
            raise MasterError(reason) from exc
        _log.info("registered as the ApplicationMaster, %s:%d", host, port)
        loop = self._loop = asyncio.get_running_loop()

        def lose(reason: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, as we are about to exit
                loop.call_soon_threadsafe(self._lose, reason)

        self._heartbeats = Heartbeats(self._beat, self._give_up, lose)
        self._heartbeats.start()
        await self._further.open(answer, address)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._further.close()
        if self._heartbeats is not None:
            self._heartbeats.stop()
        if kind is None:
            self._end("SUCCEEDED", "")
        elif not issubclass(kind, asyncio.CancelledError):
            self._end("FAILED", "The ApplicationMaster has failed; its log says more.")
        elif (await self._own_status(LAST_STATUS_TIMEOUT))[0] == "RUNNING":
            self._end("SUCCEEDED", "The ApplicationMaster was asked to end by a signal.")
        # Otherwise YARN has sent the signal and reports the reason itself.
        if self._final is not None and not self._has_lost:
            # Runs to its end even if we are asked to end again.
            await asyncio.shield(asyncio.create_task(self._finish(*self._final)))
        await self._server.stop()

    async def _finish(self, status: str, diagnostics: str) -> None:
        protocol = self._protocol.another()  # a heartbeat may hang in the first one
        with contextlib.suppress(NotFoundError):
            try:
                await asyncio.to_thread(protocol.finish, status, diagnostics, self._give_up)
            except ClusterError as exc:
                _log.error("the end (%s) cannot be told: %s", status, exc)

    def _beat(self) -> None:
        with self._further.telling() as (wishes, heard):
            heard(self._protocol.heartbeat(self._server.progress, HEARTBEAT_TIMEOUT, wishes))

    def _put_soon(self, key: str, value: bytes) -> None:
        """Put a key, from another thread."""
        request = messages.PutKeyRequest(key=key, value=value)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._server.store.put_key, request)

    def _hasten(self) -> None:
        if self._heartbeats is not None:
            self._heartbeats.hasten()

    def _lose(self, reason: str) -> None:
        _log.error("%s", reason)
        self._has_lost = True
        self._end_soon("FAILED", reason)

    def _end(self, final_status: str, diagnostics: str) -> None:
        """Note how the application ends; the first call counts."""
        if self._final is None:
            self._final = (final_status, diagnostics)

    def _end_soon(self, final_status: str, diagnostics: str) -> None:
        self._end(final_status, diagnostics)
        self._asked_to_end.set()

    async def put(self, key: str, value: bytes) -> None:
        """Put a key."""
        self._server.store.put_key(messages.PutKeyRequest(key=key, value=value))

    async def get(self, key: str) -> bytes | None:
        """Return a key's value or None."""
        request = messages.GetRangeRequest(start=key, end=f"{key}\0")
        found = self._server.store.get_range(request).result
        return bytes(found[0].value) if found else None

    async def commands(self) -> AsyncIterator[Command]:
        """Yield the commands of clients, each once."""
        changes: asyncio.Queue[messages.WatchResponse] = asyncio.Queue()
        store, span = self._server.store, {"start": COMMAND_PREFIX, "end": COMMAND_END}
        watch = messages.WatchCreateRequest(event_type="PUT", **span)
        watch_id = store.watch(watch, changes.put_nowait)
        try:
            pairs = store.get_range(messages.GetRangeRequest(**span)).result
            while True:
                for pair in pairs:
                    taken = messages.DeleteRangeRequest(start=pair.key, end=f"{pair.key}\0")
                    if store.delete_range(taken).count:
                        yield Command.from_bytes(pair.key, pair.value)
                pairs = (await changes.get()).event
        finally:
            store.forget(watch_id)

    def tell_readers(self, tell: Callable[[str], None]) -> bool:
        """See :meth:`Application.tell_readers`."""
        self._server.on_reader = tell
        for host in self._server.readers:
            tell(host)
        return True

    async def memory_limit(self) -> int:
        """Ask the NodeManager, as schedulers round requests up."""
        return (await self._own_status(STATUS_TIMEOUT))[1] or requested_memory(os.environ)

    async def _own_status(self, timeout: float) -> tuple[str, int]:
        """Return this container's state and MiB; nothing where web pages require Kerberos."""
        scheme = web_scheme(self._configuration)
        address = f"{scheme}://{os.environ.get('NM_HOST')}:{os.environ.get('NM_HTTP_PORT')}"
        container = os.environ.get("CONTAINER_ID", "")
        with contextlib.suppress(HttpError):
            deadline = Deadline(timeout)
            return await asyncio.to_thread(
                container_status, address, container, deadline, self._configuration
            )
        return "", 0

    async def end_application(self, final_status: str, diagnostics: str) -> None:
        """See :meth:`Store.end_application`; here the application ends with this process."""
        self._end(final_status, diagnostics)


def _own_host() -> tuple[str, str]:
    """Return the host name for clients and the address to listen on, both the kernel's."""
    host = os.environ.get("NM_HOST") or socket.getfqdn()
    try:
        address = container_address(os.environ)
    except YarnKernelError:  # the kernel will fail with the same reason, which we have to report
        return host, LOOPBACK
    # Not the host's name if that resolves to another address here, as to 127.0.1.1 on Debian.
    return (host if address in addresses(host) else address), address
