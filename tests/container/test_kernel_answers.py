"""What a supervisor takes for its kernel's answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session

from yarnkernel.connection import PORT_NAMES, ConnectionInfo
from yarnkernel.container.messages import Messages
from yarnkernel.errors import YarnKernelError

KEY = "secret"


def reply(session: Session, parent: dict[str, Any]) -> list[bytes]:
    message = session.msg("kernel_info_reply", {"status": "ok"}, parent=parent)
    frames: list[bytes] = session.serialize(message)
    return frames


def answers(request: list[bytes]) -> dict[str, list[bytes]]:
    """What comes to a request, by its kind."""
    session, other = Session(key=KEY.encode()), Session(key=b"another")
    parent = session.deserialize(session.feed_identities(request)[1])
    return {
        "no message": [b"no signature, no message"],
        "unsigned": [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
        "another's": reply(other, parent),
        "another request's": reply(session, {"header": {"msg_id": "x"}}),
        "the kernel's": reply(session, parent),
    }


async def ask(kinds: list[str]) -> None:
    context = zmq.asyncio.Context()
    with context.socket(zmq.ROUTER) as kernel:
        port = kernel.bind_to_random_port("tcp://127.0.0.1")

        async def serve() -> None:
            client, *request = await kernel.recv_multipart()
            for kind in kinds:
                await kernel.send_multipart([client, *answers(request)[kind]])

        serving = asyncio.create_task(serve())
        ports: Any = dict.fromkeys(PORT_NAMES, port)
        info: ConnectionInfo = {
            "ip": "127.0.0.1", "key": KEY, "signature_scheme": "hmac-sha256", **ports,
        }  # fmt: skip
        messages = Messages(info)
        try:
            await messages.ask_kernel_info(1.0)
        finally:
            messages.close()
            await serving
            context.destroy(linger=0)


def test_only_its_own_signed_reply_is_an_answer() -> None:
    strangers = ["no message", "unsigned", "another's", "another request's"]
    with pytest.raises(YarnKernelError, match="it did not answer within 1 s"):
        asyncio.run(ask(strangers))
    asyncio.run(ask([*strangers, "the kernel's"]))
