"""The key-value store of a kernel outside YARN, in the recipe's own process.

It accepts clients whose CurveZMQ public keys are in a file of the kernel's directory, which only
its user can write to. The store writes its own address and key there, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import zmq
import zmq.asyncio
from zmq.auth.asyncio import AsyncioAuthenticator

from yarnkernel.announcement import (
    ADDRESS_FILE,
    CLIENTS_FILE,
    END_FILE,
    ENDED_BY_SIGNAL,
    FILES_DIRECTORY,
    write_private,
)
from yarnkernel.connection import RECIPE_DIAGNOSTICS
from yarnkernel.container.memory import requested_memory
from yarnkernel.container.persistent import persist
from yarnkernel.container.ports import none_free
from yarnkernel.errors import YarnKernelError
from yarnkernel.kernel_status import COMMAND_PREFIX, Command
from yarnkernel.store.curve_messages import (
    DELETE,
    END,
    GET,
    LARGEST,
    NOTHING,
    PUT,
    REFUSED,
    VALUE,
    WATCH,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from typing_extensions import Self

    from yarnkernel.port_range import PortRange

_log = logging.getLogger(__name__)

#: Seconds after which a watch is dropped unless its client renews it.
LONGEST_WATCH = 3600.0
#: The fewest frames of a message: sender, id, verb.
_FRAMES = 3
#: Seconds to send the last answers.
FAREWELL = 0.2


class PrivateStore:
    """See :class:`yarnkernel.container.application.Application`.

    Parameters
    ----------
    directory : pathlib.Path
        The kernel's directory, which only its user can access.
    address : str
        The numeric address to listen on.
    asked_to_end : asyncio.Event
        Set when a client asks for the kernel's end.
    ports : PortRange, optional
        Ports to listen on; any by default.
    """

    def __init__(
        self,
        directory: Path,
        address: str,
        asked_to_end: asyncio.Event,
        ports: PortRange | None = None,
    ) -> None:
        self._ports = ports
        self._directory = directory
        self._address = address
        self._asked_to_end = asked_to_end
        self._values: dict[str, bytes] = {}
        self._watches: list[tuple[str, float, bytes, bytes]] = []
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._tell: Callable[[str], None] | None = None
        self._readers: set[str] = set()
        self._final: tuple[str, str] | None = None
        self._context = zmq.asyncio.Context()
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        public, secret = zmq.curve_keypair()
        authenticator = self._authenticator = AsyncioAuthenticator(self._context)
        authenticator.start()
        authenticator.configure_curve_callback(credentials_provider=_Clients(self._directory))
        self._socket: zmq.asyncio.Socket = self._context.socket(zmq.ROUTER)
        options: dict[int, int | bytes] = {
            zmq.LINGER: int(FAREWELL * 1000),
            zmq.IPV6: int(":" in self._address),
            zmq.ROUTER_MANDATORY: 1,
            zmq.MAXMSGSIZE: LARGEST,
            zmq.CURVE_SERVER: 1,
            zmq.CURVE_PUBLICKEY: public,
            zmq.CURVE_SECRETKEY: secret,
        }
        for option, value in options.items():
            self._socket.setsockopt(option, value)
        host = f"[{self._address}]" if ":" in self._address else self._address
        port = self._bind(f"tcp://{host}")
        self._serving = asyncio.create_task(persist("serving the store", self._serve))
        process = psutil.Process()
        write_private(
            self._directory / ADDRESS_FILE,
            {
                "host": self._address,
                "port": port,
                "key": public.decode(),
                "node": socket.gethostname(),
                "pid": os.getpid(),
                "created": process.create_time(),
            },
        )
        _log.info("the store listens at %s:%d", self._address, port)
        return self

    def _bind(self, host: str) -> int:
        if self._ports is None:
            return self._socket.bind_to_random_port(host)
        for port in self._ports.shuffled():
            with contextlib.suppress(zmq.ZMQError):
                self._socket.bind(f"{host}:{port}")
                return port
        reason = f"{RECIPE_DIAGNOSTICS}cannot be reached: {none_free(self._address, self._ports)}."
        self._write_end("FAILED", reason)
        raise YarnKernelError(reason)

    def _write_end(self, status: str, diagnostics: str) -> None:
        with contextlib.suppress(OSError):  # the disk is full
            write_private(
                self._directory / END_FILE,
                {"final_status": status, "diagnostics": diagnostics, "moment": time.time()},
            )

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._final is None:
            asked = kind is None or issubclass(kind, asyncio.CancelledError)
            reason = "" if kind is None else ENDED_BY_SIGNAL
            failed = "The supervisor has failed; its log says more."
            self._final = ("SUCCEEDED", reason) if asked else ("FAILED", failed)
        status, diagnostics = self._final
        self._write_end(status, diagnostics)
        with contextlib.suppress(OSError):
            (self._directory / ADDRESS_FILE).unlink(missing_ok=True)
        shutil.rmtree(self._directory / FILES_DIRECTORY, ignore_errors=True)
        if self._serving is not None:
            self._serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        self._authenticator.stop()
        self._socket.close()
        self._context.term()

    async def _serve(self) -> None:
        while True:
            frames = await self._socket.recv_multipart(copy=False)
            if len(frames) < _FRAMES:
                continue
            client, request, verb, *arguments = (bytes(frame.bytes) for frame in frames)
            with contextlib.suppress(zmq.ZMQError):  # the client has gone away
                try:
                    answer = self._answer(client, request, verb, arguments)
                except (ValueError, IndexError) as exc:
                    answer = [REFUSED, str(exc).encode()]
                if verb in (GET, WATCH):
                    self._has_read(frames[0])
                await self._socket.send_multipart([client, request, *answer])

    def _answer(
        self, client: bytes, request: bytes, verb: bytes, arguments: list[bytes]
    ) -> list[bytes]:
        """Carry out a request and return the answer."""
        if verb == END:
            self._final = ("SUCCEEDED", arguments[0].decode())
            self._asked_to_end.set()
            return [NOTHING]
        key = arguments[0].decode()
        if verb == GET:
            return [VALUE, self._values[key]] if key in self._values else [NOTHING]
        if verb == WATCH:
            end = time.monotonic() + min(float(arguments[1]), LONGEST_WATCH)
            self._watches.append((key, end, client, request))
            return [VALUE, self._values[key]] if key in self._values else [NOTHING]
        if verb == PUT:
            if key.startswith(COMMAND_PREFIX):
                self._commands.put_nowait(Command.from_bytes(key, arguments[1]))
            else:
                self._set(key, arguments[1])
            return [NOTHING]
        if verb == DELETE:
            self._values.pop(key, None)
            return [NOTHING]
        raise ValueError(f"there is no verb {verb!r}")

    def _set(self, key: str, value: bytes) -> None:
        self._values[key] = value
        now = time.monotonic()
        self._watches = [watch for watch in self._watches if watch[1] > now]
        for watch in [watch for watch in self._watches if watch[0] == key]:
            task = asyncio.ensure_future(
                self._socket.send_multipart([watch[2], watch[3], VALUE, value])
            )
            task.add_done_callback(partial(self._told, watch))

    def _told(self, watch: tuple[str, float, bytes, bytes], done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is not None and watch in self._watches:
            self._watches.remove(watch)

    def _has_read(self, frame: zmq.Frame) -> None:
        # "Peer-Address" of zmq_msg_gets(3): clients are authenticated when it is there.
        address = str(frame.get("Peer-Address"))
        self._readers.add(address)
        if self._tell is not None:
            self._tell(address)

    async def put(self, key: str, value: bytes) -> None:
        """See :class:`yarnkernel.container.application.Application`."""
        self._set(key, value)

    async def get(self, key: str) -> bytes | None:
        """See :class:`yarnkernel.container.application.Application`."""
        return self._values.get(key)

    async def commands(self) -> AsyncIterator[Command]:
        """See :class:`yarnkernel.container.application.Application`."""
        while True:
            yield await self._commands.get()

    def tell_readers(self, tell: Callable[[str], None]) -> bool:
        """See :class:`yarnkernel.container.application.Application`."""
        self._tell = tell
        for address in self._readers:
            tell(address)
        return True

    async def memory_limit(self) -> int:
        """See :class:`yarnkernel.container.application.Application`."""
        return requested_memory(os.environ)

    async def end_application(self, final_status: str, diagnostics: str) -> None:
        """See :class:`yarnkernel.container.application.Application`."""
        self._final = (final_status, diagnostics)


class _Clients:
    """The known public keys; see ``zmq.auth.base.Authenticator``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / CLIENTS_FILE

    def callback(self, _domain: str, key: bytes) -> bool:
        """Return whether the file currently has a client's key, in Z85."""
        try:
            known = self._path.read_text().split()
        except OSError:
            return False
        return key.decode() in known
