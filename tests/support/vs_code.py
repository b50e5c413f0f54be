"""Starts a kernel as VS Code does, step by step.

After microsoft/vscode-jupyter: src/kernels/raw/launcher/kernelLauncher.node.ts,
kernelProcess.node.ts and session/rawKernelConnection.node.ts.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import uuid
from typing import IO, TYPE_CHECKING, Any

import psutil
import zmq
from jupyter_client.session import Session

from tests.conftest import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from tests.conftest import Shell

CHANNELS = ("hb", "control", "shell", "stdin", "iopub")


def free_ports(number: int) -> list[int]:
    """Pick ports that nobody has, and reserve none of them."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [one.getsockname()[1] for one in sockets]


def connection_info(**changes: Any) -> dict[str, Any]:
    """Make what a front end writes into the connection file, before there is a kernel."""
    ports = zip(CHANNELS, free_ports(len(CHANNELS)), strict=True)
    return {
        "key": str(uuid.uuid4()),
        "signature_scheme": "hmac-sha256",
        "transport": "tcp",
        "ip": "127.0.0.1",
        **{f"{channel}_port": port for channel, port in ports},
        "kernel_name": "yarn",
        **changes,
    }


def answers(port: int) -> bool:
    """Connect and close at once."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def read_lines(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(stream)


class FrontEnd:
    """A front end and its kernel's process.

    Parameters
    ----------
    shell : Shell
        Where the process runs.
    directory : pathlib.Path
        The notebook's; the connection file is in it, too.
    argv : list of str
        The kernelspec's command.
    info : dict, optional
        What the connection file holds.
    """

    def __init__(
        self, shell: Shell, directory: Path, argv: list[str], info: dict[str, Any] | None = None
    ) -> None:
        self.info = info or connection_info()
        self.file = directory / f"kernel-v3{uuid.uuid4().hex}{uuid.uuid4().hex[:8]}.json"
        self.text = json.dumps(self.info)
        self.file.write_text(self.text)
        # Once, in the first argument that has it.
        index = next(i for i, part in enumerate(argv) if "{connection_file}" in part)
        command = [*argv]
        command[index] = argv[index].replace("{connection_file}", str(self.file))
        self.process = shell.start(*command, cwd=directory)
        self.lines: list[str] = []
        self.out: list[str] = []
        self._readers = [
            threading.Thread(target=read_lines, args=(stream, target), daemon=True)
            for target, stream in (
                (self.lines, self.process.stderr),
                (self.out, self.process.stdout),
            )
        ]
        for reader in self._readers:
            reader.start()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._session = Session(key=self.info["key"].encode(), signature_scheme="hmac-sha256")

    @property
    def err(self) -> str:
        """What it has written to standard error."""
        return "".join(self.lines)

    @property
    def app_id(self) -> str:
        """The application, once it has been submitted."""
        words = [word for word in self.err.split() if word.startswith("application_")]
        return words[0] if words else ""

    def await_line(self, text: str, timeout: float = 60) -> None:
        """Wait until the process has told something."""

        def told() -> bool:
            assert self.process.poll() is None or text in self.err, self.err
            return text in self.err

        wait_for(told, timeout, f"{text!r} in {self.err}")

    def await_ports(self, timeout: float = 60) -> None:
        """Wait until shell and iopub answer, as tcp-port-used does."""

        def both_answer() -> bool:
            assert self.process.poll() is None, self.err
            return answers(self.info["shell_port"]) and answers(self.info["iopub_port"])

        wait_for(both_answer, timeout, "the ports answer")

    def connect(self) -> None:
        """Open the channels, with one routing id, as soon as the ports answer."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        identity = uuid.uuid4().bytes
        for channel in ("shell", "control", "stdin", "iopub"):
            kind = zmq.SUB if channel == "iopub" else zmq.DEALER
            one = self._sockets[channel] = context.socket(kind)
            one.setsockopt(zmq.LINGER, 0)
            if kind == zmq.SUB:
                one.setsockopt(zmq.SUBSCRIBE, b"")
            else:
                one.setsockopt(zmq.ROUTING_ID, identity)
            one.connect(f"tcp://127.0.0.1:{self.info[f'{channel}_port']}")

    def await_kernel(self) -> None:
        """Ask for kernel_info twice a second, until one answer and one broadcast are there."""
        self.await_ports()
        self.connect()
        replied = {"shell": False, "control": False, "iopub": False}

        def ready() -> bool:
            for channel in ("control", "shell"):
                self.send(channel, "kernel_info_request", {})
            for channel in replied:
                replied[channel] |= self.receive(channel, 0.2) is not None
            return all(replied.values())

        wait_for(ready, 10, f"the kernel answers on all of {replied}")

    def send(self, channel: str, kind: str, content: dict[str, Any]) -> str:
        """Send a request and return its id."""
        message = self._session.send(self._sockets[channel], kind, content)
        assert message is not None
        return str(message["header"]["msg_id"])

    def receive(self, channel: str, timeout: float) -> dict[str, Any] | None:
        """Receive one message; None when there is none in time."""
        if not self._sockets[channel].poll(int(timeout * 1000)):
            return None
        _, message = self._session.recv(self._sockets[channel], mode=0)
        return message

    def reply(self, channel: str, request: str, timeout: float = 20) -> dict[str, Any]:
        """Wait for the reply to a request and return its content."""

        def replied() -> dict[str, Any] | None:
            message = self.receive(channel, 0.2)
            if message is None or message["parent_header"].get("msg_id") != request:
                return None
            content: dict[str, Any] = message["content"]
            return content

        content: dict[str, Any] = wait_for(replied, timeout, "a reply")
        return content

    def execute(self, code: str) -> str:
        """Ask for an execution and return the request's id."""
        return self.send("shell", "execute_request", {"code": code, "store_history": True})

    def output(self, request: str, timeout: float = 20) -> str:
        """Wait until the kernel is done with a request, and return what it printed."""
        parts = []

        def idle() -> bool:
            message = self.receive("iopub", 0.2)
            if message is None or message["parent_header"].get("msg_id") != request:
                return False
            content = message["content"]
            parts.append(content.get("text") or content.get("data", {}).get("text/plain", ""))
            return bool(content.get("execution_state") == "idle")

        wait_for(idle, timeout, "the kernel is idle")
        return "".join(parts)

    def await_output(self, text: str, timeout: float = 20) -> None:
        """Wait until the kernel has printed something."""

        def printed() -> bool:
            message = self.receive("iopub", 0.2)
            return message is not None and text in message["content"].get("text", "")

        wait_for(printed, timeout, f"{text!r} is printed")

    def run(self, code: str) -> str:
        return self.output(self.execute(code))

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to all children and then to the process itself."""
        process = psutil.Process(self.process.pid)
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)

    def end(self, timeout: float = 60) -> int:
        """Wait for the process' end and return its exit code."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(10)
        return code

    def error(self, code: int) -> str:
        """The error of a start that has to fail: one message, never a traceback."""
        assert self.end() == code, self.err
        assert "Traceback" not in self.err, self.err
        assert self.out == []
        told = [i for i, line in enumerate(self.lines) if line.startswith("yarnkernel: ")]
        assert len(told) == 1, self.err
        return "".join(self.lines[told[0] :])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets.values():
            one.close()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(10)
