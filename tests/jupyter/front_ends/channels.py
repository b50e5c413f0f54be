"""A kernel's channels through a server's websocket, as editors and JupyterLab speak it."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import websocket

if TYPE_CHECKING:
    from typing_extensions import Self

    from tests.jupyter.front_ends.servers import Client


class Channels:
    """One connection to one kernel."""

    def __init__(self, server: Client, kernel_id: str, session: str = "") -> None:
        url = server.url.replace("http", "ws", 1)
        #: Who comes back under the same name gets what was said meanwhile.
        self.session = session or uuid.uuid4().hex
        self._socket = websocket.create_connection(
            f"{url}api/kernels/{kernel_id}/channels?session_id={self.session}",
            header={"Authorization": f"token {server.token}"},
            timeout=60,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, code: str) -> str:
        """Ask for an execution and return the request's id."""
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id, "msg_type": "execute_request", "session": self.session,
            "username": "", "version": "5.3",
        }  # fmt: skip
        content = {"code": code, "silent": False, "stop_on_error": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._socket.send(json.dumps({**message, "channel": "shell"}))
        return message_id

    def _receive(self, message_id: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if message["parent_header"].get("msg_id") == message_id:
                return message

    def wait_for_output(self, message_id: str, text: str) -> None:
        while text not in self._receive(message_id)["content"].get("text", ""):
            pass

    def wait_for_state(self, *states: str) -> str:
        """Wait until the kernel is said to be in one of these states, whoever asked."""
        while True:
            message = json.loads(self._socket.recv())
            if message["msg_type"] == "status":
                state = str(message["content"]["execution_state"])
                if state in states:
                    return state

    def result(self, message_id: str) -> str:
        """Wait for a request's end; its text, or the name of its error."""
        shown: list[str] = []
        while True:
            message = self._receive(message_id)
            content = message["content"]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(shown)
            if message["channel"] == "iopub":
                shown.append(
                    content.get("text")
                    or content.get("data", {}).get("text/plain")
                    or content.get("ename", "")
                )

    def run(self, code: str) -> str:
        return self.result(self.send(code))
