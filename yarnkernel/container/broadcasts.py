"""What becomes of a kernel's broadcasts."""

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

#: Types that are wanted beside changes of state, and those while no client is connected: as JSON
#: has them, as there may be many thousand messages a second.
_ALWAYS = tuple(f'"{kind}"'.encode() for kind in (INPUT, MESSAGE))
_UNHEARD = (*_ALWAYS, *(f'"{kind}"'.encode() for kind in OUTPUTS))


async def listen(
    messages: Messages,
    activity: Activity,
    recorder: Recorder,
    files: FileCarrier,
    clients: Callable[[], int],
) -> None:
    """Tell how the kernel is used, and what nobody else hears; for ever.

    Parameters
    ----------
    messages : Messages
        The kernel's channels.
    activity : Activity
        Is told of each change of state.
    recorder : Recorder
        Gets outputs while there is no client.
    files : FileCarrier
        Gets what the kernel asks its front end for.
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
        elif message["msg_type"] == "error":  # no client's cell, and so of no client's interest
            content = message["content"]
            _log.warning("its start-up: %s: %s", content.get("ename"), content.get("evalue"))
