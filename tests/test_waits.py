"""Every wait has a deadline: what may wait without one stands here, with the reason."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import yarnkernel

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(yarnkernel.__file__).parent
#: Methods that wait for ever when they are called with no arguments, or with these many at most.
WAITING = {
    "wait": 0, "join": 0, "get": 0, "result": 0, "exception": 0, "acquire": 0, "communicate": 1,
    "accept": 0, "recv": 2, "recv_into": 3, "recv_multipart": 2, "select": 3, "sock_accept": 1,
    "sock_recv": 2, "run": 99, "check_output": 99, "check_call": 99, "call": 99, "waitpid": 1,
}  # fmt: skip
#: Of these only the functions of ``subprocess``.
FUNCTIONS = {"run", "check_output", "check_call", "call"}
#: Around a wait that says nothing, these say it.
BOUNDS = {"wait_for", "timeout", "timeout_at"}
#: By where they are: why they may wait, or do not.
ALLOWED = {
    # What is done already.
    "container/commands.py answer: done.exception()": "a callback of what is done",
    "container/commands.py answer: done.result()": "a callback of what is done",
    "container/private_store.py _told: done.exception()": "done",
    "container/kernel.py _bring_up: self._process.ended.result()": "done",
    "container/supervisor.py _crashed: ended.result()": "done",
    "container/supervisor.py _ended_in_good_order: kernel.process.ended.result()": "done",
    "container/supervisor.py _until_restart: ended.result()": "done",
    "container/supervisor.py _until_restart: limit.result()": "done",
    "cluster/hdfs.py _run: future.exception()": "done",
    "cluster/hdfs.py _run: future.result()": "done",
    "local/artefacts.py _fetch: download.result()": "done, or its requests have deadlines",
    "jupyter/provisioner.py _log_failure: answer.exception()": "a callback of what is done",
    # Tasks that last as long as the kernel, and are cancelled with it.
    "container/app_master_server.py Watch: responses.get()": "until the client goes",
    "container/commands.py restart_asked: self._restarts.get()": "until somebody asks",
    "container/private_store.py _serve: self._socket.recv_multipart(copy=False)": (
        "until a client asks"
    ),
    "container/private_store.py commands: self._commands.get()": "until a client asks",
    "container/front_door.py _take: loop.sock_accept(self._socket)": "until a client comes",
    "container/front_door.py _take: self._places.acquire()": "until a client goes",
    "container/kernel.py see_off: self.activity.farewell.wait()": "until the kernel ends",
    "container/kernel_process.py _wait: self._exited.wait()": "until the kernel ends",
    "container/master.py commands: changes.get()": "until a client asks for something",
    "container/messages.py broadcasts: iopub.recv_multipart(copy=True)": "until the kernel tells",
    "jupyter/launcher.py _stand_in: self._leaving.wait()": "until the front end goes",
    "jupyter/launcher.py _until_end: self._news.get()": "until the kernel ends",
    "relay.py _drain: publisher.recv()": "until the relay is closed",
    "relay.py _hand_on: may_pass.wait()": "until the kernel is there again",
    "relay.py _hand_on: source.recv_multipart(copy=False)": "until the relay is closed",
    "kernels/session.py execute: cell.wait()": "until the cell's end, or the kernel's",
    "kernels/session.py wait: self.idle.wait()": "until the cell's end, or the kernel's",
    # As long as the user's code, which Ctrl-C interrupts.
    "groups/group.py execute: run.wait()": "until the code's end",
    "groups/run.py wait: self.result()": "no wait: what has come so far",
    "magics/magic.py _run: run.wait()": "until the code's end",
    "magics/commands.py _start: self._begin(Group.of(targets, named), '').wait()": (
        "each start has its deadline"
    ),
    # Whoever calls has the deadline.
    "groups/channels.py read: socket.recv_multipart(zmq.NOBLOCK, copy=False)": "it does not wait",
    "hosts/keeper.py _answer: self._connected.wait()": "in wait_for",
    "store/curve_client.py receive: self._socket.recv_multipart()": "poll says that there is one",
    "kernels/blocking.py run: future.result()": "done",
    "cli/kernels.py _knock: connection.recv(1)": "the socket has a timeout",
    "containers/line.py _line: self._socket.recv(1 << 16)": "the socket has a timeout",
    "doctor/kernel.py _knock: connection.recv(1)": "the socket has a timeout",
    "container/gate.py _accept: listening.accept()": "the socket does not block",
    "hadoop/sockets.py _receive: opened.recv(size - len(content))": "the socket has a timeout",
    "relay.py _hear: shell.recv_multipart()": "poll says that there is an answer",
    "container/messages.py _reply: socket.recv_multipart(copy=True)": "in wait_for",
    "hadoop/http.py readinto: self._socket.recv_into(buffer)": (
        "the socket has a timeout, which is set anew before each"
    ),
    "hadoop/rpc.py _receive: self._socket.recv(min(size - len(content), _CHUNK))": (
        "the socket has a timeout, which is set anew before each"
    ),
    "yarn/skein_driver.py _await_port: callback.accept()": "select says that somebody is there",
    "yarn/skein_driver.py _await_port: connection.recv(4, socket.MSG_WAITALL)": "it has a timeout",
}


class _Waits(ast.NodeVisitor):
    """Calls that wait, and say nothing of how long."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._functions: list[str] = []
        self.found: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in BOUNDS:
            return
        if _waits(node):
            function = self._functions[-1] if self._functions else ""
            self.found.append(f"{self._where} {function}: {ast.unparse(node)}")
        self.generic_visit(node)


def waits() -> Iterator[str]:
    """All of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        visitor = _Waits(path.relative_to(PACKAGE).as_posix())
        visitor.visit(ast.parse(path.read_text()))
        yield from visitor.found


def _waits(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WAITING:
        return False
    if call.func.attr in FUNCTIONS and ast.unparse(call.func.value) != "subprocess":
        return False
    if any("timeout" in (keyword.arg or "") for keyword in call.keywords):
        return False
    return len(call.args) <= WAITING[call.func.attr]


def test_every_wait_has_a_deadline() -> None:
    found = set(waits())
    new = sorted(found - ALLOWED.keys())
    assert not new, "waits without a deadline: give them one, or say here why they need none"
    assert not sorted(ALLOWED.keys() - found), "they are gone: take them off the list"
