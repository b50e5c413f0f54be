"""Hands a kernel's broadcasts to those who need them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yarnkernel.container.recorder import INPUT, OUTPUTS, ROOM
from yarnkernel.file_request import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from yarnkernel.container.activity import Activity
    from yarnkernel.container.file_carrier import FileCarrier
    from yarnkernel.container.messages import Messages
    from yarnkernel.container.recorder import Recorder

_log = logging.getLogger(__name__)

#: Message types wanted besides changes of state, and those wanted while no client is connected. In
#: JSON's form, as there may be many thousand messages a second.
_ALWAYS = tuple(f'"{kind}"'.encode() for kind in (INPUT, MESSAGE))
_UNHEARD = (*_ALWAYS, *(f'"{kind}"'.encode() for kind in OUTPUTS))


async def listen(
    messages: Messages,
    activity: Activity,
    recorder: Recorder,
    files: FileCarrier,
    clients: Callable[[], int],
) -> None:
    """Pass broadcasts on, for ever.

    Parameters
    ----------
    messages : Messages
        The kernel's channels.
    activity : Activity
        Is told of each change of state.
    recorder : Recorder
        Gets outputs while no client is connected.
    files : FileCarrier
        Gets the kernel's requests to its front end.
    clients : callable
        Counts the connections of clients.
    """

    def wanted() -> Collection[bytes]:
        return _ALWAYS if clients() else _UNHEARD

    async for message in messages.broadcasts(wanted, ROOM, recorder.leave_out):
        if message["msg_type"] == INPUT:
            recorder.begin(message)
        elif message["msg_type"] == MESSAGE:
            files.ask(message["content"], messages)
        elif message["msg_type"] not in OUTPUTS:
            activity.note(message)
        elif message["parent_header"]:
            if not clients():
                recorder.keep(message)
        elif message["msg_type"] == "error":  # not a client's cell, so no client wants its output
            content = message["content"]
            _log.warning("its start-up: %s: %s", content.get("ename"), content.get("evalue"))
