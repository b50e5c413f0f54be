"""The application's key-value store in skein's ApplicationMaster."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import grpc

from yarnkernel.container.memory import requested_memory
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernel_status import COMMAND_END, COMMAND_PREFIX, Command
from yarnkernel.store.rpc import open_aio_channel
from yarnkernel.store.skein_import import skein

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from typing_extensions import Self

#: Seconds for the ApplicationMaster, in this container or nearby, to answer.
TIMEOUT = 15.0
#: Seconds between two attempts to read commands if the ApplicationMaster does not answer.
RETRY_INTERVAL = 1.0


class Store:
    """The ApplicationMaster of the application that this container belongs to.

    An asynchronous context manager.

    Parameters
    ----------
    address : str
        ``host:port`` of the ApplicationMaster.
    """

    def __init__(self, address: str) -> None:
        self._channel = open_aio_channel(address, skein.Security.from_default())
        self._stub = skein.proto.AppMasterStub(self._channel)
        # A service's container owns its keys, so that they are deleted with it.
        self._owner = os.environ.get("SKEIN_CONTAINER_ID")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close(grace=None)

    async def put(self, key: str, value: bytes) -> None:
        """Put a key.

        Raises
        ------
        YarnKernelError
            When the ApplicationMaster does not take it.
        """
        request = skein.kv.put(key, value=value, owner=self._owner)._build_operation()  # noqa: SLF001
        try:
            await self._stub.PutKey(request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as exc:
            raise YarnKernelError(f"cannot publish {key!r}: {exc.details()}") from exc

    async def get(self, key: str) -> bytes | None:
        """Return a key's value or None.

        Raises
        ------
        YarnKernelError
            When the ApplicationMaster does not answer.
        """
        request = skein.proto.GetRangeRequest(start=key, end=f"{key}\0", result_type="ITEMS")
        try:
            found = (await self._stub.GetRange(request, timeout=TIMEOUT)).result
        except grpc.aio.AioRpcError as exc:
            raise YarnKernelError(f"cannot read {key!r}: {exc.details()}") from exc
        return bytes(found[0].value) if found else None

    async def commands(self) -> AsyncIterator[Command]:
        """Yield the commands of clients, each once.

        An ApplicationMaster that does not answer is retried for ever: if it ends, so does the
        container.
        """
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for command in self._watch_commands():
                    yield command
            await asyncio.sleep(RETRY_INTERVAL)

    async def _watch_commands(self) -> AsyncIterator[Command]:
        stream = self._stub.Watch()
        try:
            create = skein.proto.WatchCreateRequest(
                start=COMMAND_PREFIX,
                end=COMMAND_END,
                event_type="PUT",
            )
            await stream.write(skein.proto.WatchRequest(create=create))
            await stream.read()  # nothing is missed from now on; earlier commands are read here
            pairs = await self._waiting()
            while True:
                for pair in pairs:
                    if await self._take_away(pair.key):
                        yield Command.from_bytes(pair.key, pair.value)
                response = await stream.read()
                if response is grpc.aio.EOF:
                    return
                pairs = response.event
        finally:
            stream.cancel()

    async def _waiting(self) -> Any:
        request = skein.proto.GetRangeRequest(
            start=COMMAND_PREFIX,
            end=COMMAND_END,
            result_type="ITEMS",
        )
        return (await self._stub.GetRange(request, timeout=TIMEOUT)).result

    async def _take_away(self, key: str) -> bool:
        """Delete a key; return False if it was already deleted."""
        request = skein.proto.DeleteRangeRequest(start=key, end=key + "\0", result_type="KEYS")
        return bool((await self._stub.DeleteRange(request, timeout=TIMEOUT)).count)

    @staticmethod
    def tell_readers(_tell: Callable[[str], None]) -> bool:
        """Return False: skein's ApplicationMaster does not tell who reads."""
        return False

    async def memory_limit(self) -> int:
        """Return the MiB that this container may use, according to skein; 0 if unknown."""
        return requested_memory(os.environ)

    async def end_application(self, final_status: str, diagnostics: str) -> None:
        """End the application with these diagnostics; its containers get SIGTERM.

        A failed service that YARN may restart is left to YARN. If the ApplicationMaster cannot be
        reached, the recipe's exit code has to do.

        Parameters
        ----------
        final_status : str
            ``"SUCCEEDED"`` or ``"FAILED"``.
        diagnostics : str
            Why.
        """
        request = skein.proto.ShutdownRequest(final_status=final_status, diagnostics=diagnostics)
        with contextlib.suppress(grpc.aio.AioRpcError):
            if final_status == "FAILED" and await self._may_be_restarted():
                return
            await self._stub.shutdown(request, timeout=TIMEOUT)

    async def _may_be_restarted(self) -> bool:
        # "<service>_<instance>"; not set in master.script.
        service = (self._owner or "").rpartition("_")[0]
        if not service:
            return False
        spec = await self._stub.getApplicationSpec(skein.proto.Empty(), timeout=TIMEOUT)
        return bool(spec.services[service].max_restarts != 0)
