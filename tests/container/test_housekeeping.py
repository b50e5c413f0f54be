"""What a supervisor does beside its kernel goes on after faults, and never ends the kernel."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.conftest import Shell, wait_for
from tests.support.containers import one_of
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from yarnkernel.container import heartbeats, persistent
from yarnkernel.container.activity import Activity
from yarnkernel.container.heartbeats import Heartbeats
from yarnkernel.container.limits import Limits
from yarnkernel.container.persistent import persist
from yarnkernel.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

#: More than a process may open by default.
MANY = 1500


def test_heartbeats_outlive_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT_INTERVAL", 0.01)
    faults = [
        RuntimeError("can't start new thread"),
        MemoryError(),
        OSError(24, "Too many open files"),
        KeyError("a fault of ours"),
        UnreachableError("nobody is there"),
    ]
    waiting, beaten, lost = list(faults), threading.Event(), list[str]()

    def beat() -> None:
        if waiting:
            raise waiting.pop(0)
        beaten.set()

    beats = Heartbeats(beat, 60.0, lost.append)
    beats.start()
    assert beaten.wait(10)
    beats.stop()
    assert lost == []
    assert [record.message for record in caplog.records][0::4] == [
        'no heartbeat: RuntimeError("can\'t start new thread")',
        "no heartbeat: nobody is there",
    ]


def test_heartbeats_give_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT_INTERVAL", 0.01)
    lost = list[str]()

    def beat() -> None:
        raise UnreachableError("nobody is there")

    Heartbeats(beat, 0.1, lost.append).start()
    wait_for(lambda: lost, 10, "it has given up")
    time.sleep(0.1)
    assert lost == ["no ResourceManager has answered for 0 s"]


def test_job_that_fails_begins_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(persistent, "PAUSE", 0.01)
    faults = [OSError("one"), OSError("one"), ValueError("two")]

    async def job() -> str:
        await asyncio.sleep(0)
        if faults:
            raise faults.pop(0)
        return "done"

    assert asyncio.run(persist("a job", job)) == "done"
    told = [(record.getMessage(), bool(record.exc_info)) for record in caplog.records]
    assert told == [
        ("a job has failed and begins anew: OSError('one')", True),
        ("a job has failed and begins anew: OSError('one')", False),
        ("a job has failed and begins anew: ValueError('two')", True),
    ]


def test_cell_that_ends_its_kernel_was_use() -> None:
    activity = Activity()
    request = {"msg_type": "execute_request", "msg_id": "1"}
    activity.note(
        {"msg_type": "status", "parent_header": request, "content": {"execution_state": "busy"}}
    )
    begun = activity.last_used, activity.last
    assert activity.busy
    time.sleep(0.01)
    activity.begin_again()
    assert not activity.busy
    ended = activity.last_used, activity.last
    assert ended > begun
    time.sleep(0.01)
    activity.begin_again()
    assert (activity.last_used, activity.last) == ended


def test_limits_do_not_go_by_the_hosts_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may be set half a day on."""
    activity, clock = Activity(), time.time
    request = {"msg_type": "execute_request", "msg_id": "1"}
    activity.note({"msg_type": "status", "parent_header": request, "content": {}})
    monkeypatch.setattr(time, "time", lambda: clock() + 50_000)
    now = time.monotonic()
    assert Limits().reached(now, now, activity, now) == ""
    assert "--idle-timeout" in Limits().reached(now + 50_000, now, activity, now + 50_000)


def test_strangers_connections(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    """More than the supervisor may open, and a supervisor that may open nothing for a while."""
    script = f"ulimit -Sn 512\n{RECIPE} --owned --orphan-timeout 20"
    app_id, info = start_kernel(shell, write_spec(tmp_path, script))
    stop_later(app_id)
    status = shell.yarnkernel("status", app_id, "--json").ok().document
    host, port = status["details"]["application_master"].split(":")
    supervisor = one_of(app_id, "yarnkernel.recipe")
    with Kernel(info) as kernel, ExitStack() as stack:
        code = "import resource; resource.getrlimit(resource.RLIMIT_NOFILE)[0]"
        assert kernel.run(code) == "512"
        with _files(MANY + 500):
            for _ in range(MANY):
                one = stack.enter_context(socket.socket())
                one.settimeout(0)
                one.connect_ex((host, int(port)))
            wait_for(lambda: supervisor.num_fds() > 150, 10, "it takes some of them")
            time.sleep(3)
            assert supervisor.num_fds() < 500
        assert kernel.run("6 * 7") == "42"
        stack.close()
        wait_for(lambda: supervisor.num_fds() < 100, 30, "it has let them go")
        limits = resource.prlimit(supervisor.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(supervisor.pid, resource.RLIMIT_NOFILE, (1, limits[1]))
        time.sleep(5)
        assert supervisor.is_running(), shell.yarnkernel("logs", app_id).out
        resource.prlimit(supervisor.pid, resource.RLIMIT_NOFILE, limits)
        assert kernel.run("6 * 7") == "42"
        shell.yarnkernel("restart", app_id).ok()
        kernel.wait()
        assert kernel.run("6 * 7") == "42"


@contextmanager
def _files(count: int) -> Iterator[None]:
    """This process may open so many files meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
