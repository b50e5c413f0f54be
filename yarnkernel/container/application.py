"""The application that this container belongs to: skein's ApplicationMaster runs it, or we do.

Outside YARN it is just the kernel, with a store of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.announcement import DIRECTORY_VARIABLE
from yarnkernel.container.address import container_address
from yarnkernel.container.errors import MasterError
from yarnkernel.container_status import CONTAINERS_VARIABLE
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping

    from typing_extensions import Self

    from yarnkernel.container.further_options import FurtherOptions
    from yarnkernel.kernel_status import Command
    from yarnkernel.port_range import PortRange

#: Set in all containers of skein and of the direct way.
_APPLICATION_ID = "SKEIN_APPLICATION_ID"
#: Set where skein's own ApplicationMaster has started the script.
_MASTER_ADDRESS = "SKEIN_APPMASTER_ADDRESS"


class Application(Protocol):
    """What the supervisor asks of the application; an asynchronous context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    async def put(self, key: str, value: bytes) -> None:
        """Put a key; raise YarnKernelError if that fails."""

    async def get(self, key: str) -> bytes | None:
        """Return a key's value or None; raise YarnKernelError if that fails."""

    def commands(self) -> AsyncIterator[Command]:
        """Yield the commands of clients, each once."""

    def tell_readers(self, tell: Callable[[str], None]) -> bool:
        """Call back with the numeric address of each host that has read keys.

        Return False when the application cannot tell.
        """

    async def memory_limit(self) -> int:
        """Return the MiB that this container may use; 0 if unknown."""

    async def end_application(self, final_status: str, diagnostics: str) -> None:
        """End the application as ``"SUCCEEDED"`` or ``"FAILED"``."""


class ApplicationFinder:
    """Finds out who runs the application, and opens it later.

    Parameters
    ----------
    environ : mutable mapping of str to str
        The environment of this process; credentials are taken out of it.
    asked_to_end : asyncio.Event
        Set when the application has to end.
    further : FurtherOptions
        What the kernel may ask for, if it is ours.
    ports : PortRange, optional
        Where clients reach it, if it is ours; by default at any port.

    Raises
    ------
    YarnKernelError
        When this is no container of an application.
    """

    def __init__(
        self,
        environ: MutableMapping[str, str],
        asked_to_end: asyncio.Event,
        further: FurtherOptions,
        ports: PortRange | None = None,
    ) -> None:
        environ.pop(CONTAINERS_VARIABLE, None)
        self._class = "store.Store"
        self._arguments: list[Any] = [environ.get(_MASTER_ADDRESS)]
        if environ.get(_MASTER_ADDRESS):
            from yarnkernel.container.credentials import hide_master_token  # noqa: PLC0415

            hide_master_token(environ)
            return
        if directory := environ.pop(DIRECTORY_VARIABLE, ""):
            self._class = "private_store.PrivateStore"
            self._arguments = [Path(directory), container_address(environ), asked_to_end, ports]
            return
        if _APPLICATION_ID not in environ:
            raise YarnKernelError(
                f"the recipe runs where yarnkernel has started it ({_APPLICATION_ID} is not set); "
                "next: yarnkernel start"
            )
        from yarnkernel.container.credentials import take_credentials  # noqa: PLC0415

        self._class = "master.Master"
        self._arguments = [*take_credentials(environ), asked_to_end, further, ports]
        # Set before the kernel starts, so that it inherits it. Nobody else can have taken this
        # name.
        environ[CONTAINERS_VARIABLE] = f"yarnkernel-{secrets.token_hex(16)}"

    async def open(self) -> Application:
        """Return the application, not yet entered."""
        # The kernel starts while gRPC is imported, which takes a fifth of a second.
        name, _, kind = self._class.partition(".")
        try:
            module = await asyncio.to_thread(import_module, f"yarnkernel.container.{name}")
        except ImportError as exc:
            raise MasterError(
                f"{sys.executable} cannot import {exc.name}; "
                "next: pip install yarnkernel in the kernel's environment"
            ) from exc
        application: Application = getattr(module, kind)(*self._arguments)
        return application
