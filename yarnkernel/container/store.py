"""The application's key-value store and its end, asked of skein's ApplicationMaster."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import skein.kv
from skein import Security, proto

from yarnkernel.errors import YarnKernelError
from yarnkernel.skein_rpc import RemoteError, call, close_channel, key_value, open_channel

if TYPE_CHECKING:
    from typing_extensions import Self

#: Seconds that the ApplicationMaster, in this container or near, may take to answer.
TIMEOUT = 15.0


class Store:
    """The ApplicationMaster of the application that this container belongs to; a context manager.

    Raises
    ------
    YarnKernelError
        When the process does not run in a container of skein's.
    """

    def __init__(self) -> None:
        address = os.environ.get("SKEIN_APPMASTER_ADDRESS")
        if not address:
            raise YarnKernelError(
                "the recipe runs in containers that skein started (SKEIN_APPMASTER_ADDRESS is "
                "not set); next: yarnkernel start specs/ipython.yaml"
            )
        self._channel = open_channel(address, Security.from_default())
        self._stub = proto.AppMasterStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        close_channel(self._channel)

    def put(self, key: str, value: bytes) -> None:
        """Put a key.

        In a service's container the container owns it, so that it goes with the container.

        Raises
        ------
        YarnKernelError
            When the ApplicationMaster does not take it.
        """
        owner = os.environ.get("SKEIN_CONTAINER_ID")
        try:
            key_value(self._stub, skein.kv.put(key, value=value, owner=owner), TIMEOUT)
        except RemoteError as exc:
            raise YarnKernelError(f"cannot publish {key!r}: {exc}") from exc

    def fail_application(self, diagnostics: str) -> None:
        """End the application as FAILED with these diagnostics; its containers get SIGTERM.

        A service that YARN may restart is left to that. When the ApplicationMaster
        cannot be asked, the recipe's exit code tells the same with fewer words.
        """
        request = proto.ShutdownRequest(final_status="FAILED", diagnostics=diagnostics)
        with contextlib.suppress(RemoteError):
            if not self._may_be_restarted():
                call(self._stub, "shutdown", request, TIMEOUT)

    def _may_be_restarted(self) -> bool:
        # "<service>_<instance>"; not set in master.script.
        service = os.environ.get("SKEIN_CONTAINER_ID", "").rpartition("_")[0]
        if not service:
            return False
        spec = call(self._stub, "getApplicationSpec", proto.Empty(), TIMEOUT)
        return bool(spec.services[service].max_restarts != 0)
