"""What a cell prints while nobody is connected is there for the next one who asks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import Shell, wait_for
from tests.support.kernels import Kernel
from yarnkernel.container.recorder import ROOM, Recorder
from yarnkernel.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A client that runs a cell and is gone before its end.
CLIENT = """
import os, signal, sys
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient(connection_file=sys.argv[1])
client.load_connection_file()
client.start_channels()
client.wait_for_ready(timeout=60)
client.execute(sys.argv[2])
while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
CELL = """print("heard", flush=True)
import os, time
while not os.path.exists({go!r}): time.sleep(.05)
for i in range(3): print("line", i)
print("a word of warning", file=__import__("sys").stderr)
40 + 2"""


@pytest.mark.parametrize("interface", ["yarn", "local"])
def test_outputs(
    shell: Shell, stop_later: Callable[[str], str], tmp_path: Path, interface: str
) -> None:
    path, go = tmp_path / "kernel.json", tmp_path / "go"
    start = ("start", "--interface", interface, "-f", path)
    kernel = stop_later(shell.yarnkernel(*start).ok().out)
    code = CELL.format(go=str(go))
    assert shell.run(sys.executable, "-c", CLIENT, path, code).code == -9
    # Until its connections are closed it may be there as well as not.
    state = ("status", kernel, "--json")
    wait_for(lambda: clients(path) == 0, 10, "nobody is connected")
    go.touch()
    wait_for(
        lambda: shell.yarnkernel(*state).ok().document["kernel"]["state"] == "idle", 30, "it ends"
    )
    missed = shell.yarnkernel("connect", kernel, "--missed").ok().err.partition("In: ")[2]
    *_, line, two, warning, value = missed.splitlines()
    assert "a word of warning" in missed
    assert (line, two, warning, value) == ("line 1", "line 2", "a word of warning", "42")
    assert code.splitlines()[0] in missed
    assert "In: " not in shell.yarnkernel("connect", kernel, "--missed").ok().err, "it was told"
    # What somebody hears is not kept.
    with Kernel(json.loads(path.read_text())) as client:
        assert client.run("print('to somebody')") == "to somebody\n"
    assert "to somebody" not in shell.yarnkernel("connect", kernel, "--missed").ok().err


def clients(path: Path) -> int:
    """Connections of clients to a kernel's ports."""
    ports = {port for name, port in json.loads(path.read_text()).items() if name.endswith("_port")}
    ends = [one.raddr for one in psutil.net_connections("tcp") if one.status == "ESTABLISHED"]
    return len([end for end in ends if end and end.port in ports])


def message(kind: str, request: str = "1", **content: Any) -> dict[str, Any]:
    return {"msg_type": kind, "parent_header": {"msg_id": request}, "content": content}


def test_no_more_than_there_is_room_for() -> None:
    """The newest is kept, and how much is not, is told."""
    recorder = Recorder()
    recorder.begin(message("execute_input", code="flood()"))
    line = "x" * 99 + "\n"
    for number in range(30_000):
        recorder.keep(message("stream", name="stdout", text=f"{number}{line}"))
    recording = recorder.recording()
    recorder.forget()
    (cell,) = recording.cells
    assert cell.code == "flood()"
    text = "".join(content["text"] for _, content in cell.messages)
    assert text.endswith(f"29999{line}")
    assert ROOM * 0.9 < len(text) <= ROOM
    assert recording.left_out > 30_000 * 100 - ROOM
    assert recorder.recording().cells == []


def test_other_kernels_messages() -> None:
    """Those that are not IPython's may leave fields out: nothing of that ends the listening."""
    recorder = Recorder()
    recorder.begin(message("execute_input"))
    for content in ({}, {"text": None}, {"name": "stdout"}, {"name": "stdout", "text": "x"}):
        recorder.keep(message("stream", **content))
    recorder.leave_out(7)
    recording = recorder.recording()
    assert (len(recording.cells), recording.left_out) == (1, 7)
    assert Recording.from_bytes(recording.to_bytes()) == recording
