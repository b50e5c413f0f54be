"""Finds out whether a kernel encrypts, by connecting to it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from yarnkernel.connection import ConnectionInfo

#: The ZMTP greeting of a CurveZMQ client (https://rfc.zeromq.org/spec/23/): signature, version 3.0,
#: mechanism, as-server flag, filler.
_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
_MECHANISM = slice(12, 32)
#: Seconds between two attempts to connect, and for an answer.
RETRY_INTERVAL, TIMEOUT = 0.1, 5.0


async def encrypts(address: str, port: int) -> bool:
    """Wait until a ZeroMQ socket listens, and return whether it uses CurveZMQ.

    A socket with another mechanism closes the connection before its greeting is complete.

    Parameters
    ----------
    address : str
        Its numeric address.
    port : int
        Its port.
    """
    while True:
        try:
            reader, writer = await asyncio.open_connection(address, port)
            break
        except OSError:
            await asyncio.sleep(RETRY_INTERVAL)
    with contextlib.closing(writer):
        writer.write(_GREETING)
        try:
            greeting = await asyncio.wait_for(reader.readexactly(len(_GREETING)), TIMEOUT)
        except (OSError, EOFError, asyncio.TimeoutError):
            return False
    return greeting[_MECHANISM] == _GREETING[_MECHANISM]


async def check_encryption(info: ConnectionInfo, timeout: float) -> None:
    """Check that a kernel uses the keys that it was given, as some ignore them.

    Parameters
    ----------
    info : dict
        Its connection info.
    timeout : float
        Seconds for it to start listening.

    Raises
    ------
    YarnKernelError
        When it does not encrypt.
    """
    with contextlib.suppress(asyncio.TimeoutError):  # it will not answer either
        if not await asyncio.wait_for(encrypts(info["ip"], info["shell_port"]), timeout):
            raise YarnKernelError("it does not encrypt; next: start it without --encrypt")
