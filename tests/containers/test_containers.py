"""Further containers of a kernel: what they have, what is told of them, and their ends."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import REPOSITORY, own_processes, wait_for
from tests.support.containers import await_nothing_left, in_containers, one_of
from tests.support.documents import code_blocks
from tests.support.kernels import RECIPE, Kernel, ended, run_kernel, start_kernel, write_spec
from tests.support.submissions import keys_in
from yarnkernel.container_status import CONTAINERS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Shell

OPTIONS = "--key-file keys.json --max-containers 4 --pre-command 'export BEFORE=yes'"
KEYS = {"key": "0123456789abcdef-only-the-kernel-has-this"}
#: What a further container finds; runs there.
LOOK = """
import json, os, sys
from pathlib import Path
files = {
    path.name: [oct(path.stat().st_mode)[-3:], path.read_bytes().decode("latin-1")]
    for path in Path().iterdir() if path.is_file()
}
arguments = Path("/proc/self/cmdline").read_text()
print(json.dumps([dict(os.environ), files, sys.executable, arguments]))
sys.exit(7 if os.environ["GREETING"] == "fail" else 0)
"""
PREPARE = f"""
import json, os, sys
from yarnkernel import containers
look = {LOOK!r}.encode()

def statuses(found):
    print(json.dumps([one.document() for one in found.statuses()]))

def refused(*arguments, **options):
    try:
        containers.start(*arguments, **options)
    except containers.ContainersError as exc:
        print("ContainersError", exc)
    except ValueError as exc:
        print(type(exc).__name__, exc)
"""


@pytest.fixture
def kernel(
    shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]
) -> Iterator[tuple[str, Kernel]]:
    """A kernel that has a file beside its keys, and may have four further containers."""
    (tmp_path / "keys.json").write_text(json.dumps(KEYS))
    (tmp_path / "data.txt").write_text("data of the kernel's")
    spec = write_spec(tmp_path, f"{RECIPE} {OPTIONS}")
    files = "master:\n  files: {keys.json: keys.json, data.txt: data.txt}\n"
    spec.write_text(spec.read_text().replace("master:\n", files))
    app_id, info = start_kernel(shell, spec)
    stop_later(app_id)
    with Kernel(info) as kernel:
        kernel.run(PREPARE)
        yield app_id, kernel


def test_what_they_have(shell: Shell, kernel: tuple[str, Kernel]) -> None:
    """The kernel's environment and files, what they are given, and none of its secrets."""
    app_id, client = kernel
    start = """
given = {"env": {"GREETING": "it's $HOME"}, "files": {"look.py": look, "own.pem": b"a key"}}
pair = containers.start(2, [sys.executable, "look.py"], memory="300 MiB", **given)
given["env"] = {"GREETING": "fail"}
failing = containers.start(1, ["{python}", "look.py"], memory="300 MiB", **given)
unknown = containers.start(1, ["no-such-command"], memory="300 MiB")
for several in (pair, failing, unknown):
    several.wait_ended(60)
"""
    assert "Error" not in client.run(start)
    statuses = json.loads(client.run("statuses(pair)"))
    assert [(one["state"], one["exit_code"]) for one in statuses] == [("ended", 0)] * 2
    (failed,) = json.loads(client.run("statuses(failing)"))
    assert (failed["state"], failed["exit_code"]) == ("ended", 7)
    # With the end of its log: NodeManagers put that there.
    assert "Last 4096 bytes of container.stderr.log" in failed["diagnostics"]
    assert "cannot run 'no-such-command'" not in client.run("statuses(pair)")
    (failed_at_once,) = json.loads(client.run("statuses(unknown)"))
    assert "no-such-command" in failed_at_once["diagnostics"]
    # A kernel's log has nothing of theirs, which is there by name, while the kernel runs, too.
    assert "GREETING" not in shell.yarnkernel("logs", app_id).ok().out
    named = ("logs", app_id, "--container", failed["container_id"])
    assert '"GREETING": "fail"' in shell.yarnkernel(*named).ok().out
    client.shut_down()
    wait_for(lambda: ended(shell, app_id), 30, f"{app_id} has ended")
    for one in statuses:
        logs = shell.yarnkernel("logs", app_id, "--container", one["container_id"]).ok().out
        environment, files, python, arguments = json.loads(logs.splitlines()[-1])
        assert environment["GREETING"] == "it's $HOME"
        assert environment["BEFORE"] == "yes"
        assert environment["YARNKERNEL_CONTAINER"] == str(one["number"])
        assert environment["SKEIN_RESOURCE_MEMORY"] == "300"
        assert environment["CONTAINER_ID"] == one["container_id"]
        assert CONTAINERS_VARIABLE not in environment
        assert arguments.split("\0")[:2] == [python, "look.py"]
        assert files["data.txt"][1] == "data of the kernel's"
        assert files["own.pem"] == ["600", "a key"]
        # Neither the kernel's keys nor what the ApplicationMaster has.
        everything = json.dumps([environment, files])
        assert KEYS["key"] not in everything
        assert not keys_in(everything.encode())
        assert "YARN_AM_RM_TOKEN" not in everything
        assert not [name for name in files if "token" in name and not name.endswith(".crc")]
    assert shell.yarnkernel("logs", app_id, "--container", "none").error(1)


def test_refusals(kernel: tuple[str, Kernel]) -> None:
    """One line each, and at once; with the reason why YARN does not grant what it could."""
    _, client = kernel
    never = client.run("refused(1, ['true'], memory='1 TiB')")
    assert never == (
        "UsageError memory: 1048576 MiB is more than the 8192 MiB that YARN gives a container in "
        "the queue root.default\n"
    )
    assert "gpus: 1 is more than the 0" in client.run("refused(0, ['true'], gpus=1)")
    assert "this kernel has 0 and may have 4 at a time (--max-containers)" in client.run(
        "refused(5, ['true'])"
    )
    assert "'../x' is no name of a file" in client.run("refused(1, ['true'], files={'../x': b''})")
    assert "'A B' cannot name a variable" in client.run("refused(1, ['true'], env={'A B': ''})")
    assert "KiB that travel" in client.run("refused(1, ['true'], files={'x': b'x' * 5 * 10**6})")
    assert "need a command" in client.run("refused(1, [])")
    assert "a list of words" in client.run("refused(1, 'echo hi')")
    late = client.run(
        "import time\n"
        "many = containers.start(4, ['sleep', '600'], memory='3 GiB')\n"
        "while sum(one.state == 'running' for one in many.statuses()) < 2:\n    time.sleep(0.1)\n"
        "try:\n    many.wait_running(1)\nexcept TimeoutError as exc:\n    print(exc)"
    )
    assert "2 of 4 containers are not running after 1 s: " in late
    assert "3072 MiB and 1 vcores are needed; the queue root.default has" in late
    client.run("many.release()")
    # Another process of the same user has found out the name.
    name = client.run(f"print(os.environ[{CONTAINERS_VARIABLE!r}])").strip()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(20)
        stranger.connect(f"\0{name}")
        stranger.sendall(b'{"id": 1, "verb": "about"}\n')
        answer = json.loads(stranger.makefile().readline())
    assert answer == {"error": "only the kernel and what it has started may ask for containers"}
    # A process that the kernel starts is none, and what it has asked for ends with it.
    code = "from yarnkernel import containers as c; c.start(1, ['sleep', '601']).wait_running(60)"
    client.run(f"import subprocess; subprocess.run([sys.executable, '-c', {code!r}], check=True)")
    wait_for(lambda: not sleeping("601"), 30, "no container of a process that has ended")


def test_where_there_are_none(shell: Shell, tmp_path: Path) -> None:
    """Skein's own ApplicationMaster has none of ours; nor has this process."""
    code = f"{PREPARE}\nrefused(1, ['true'])"
    app_id = shell.yarnkernel("start", write_spec(tmp_path, RECIPE), "--via", "skein").ok().out
    assert "next: yarnkernel start --via direct" in run_kernel(shell, app_id.strip(), code)
    here = shell.run("python", "-c", code).ok().out
    assert here.startswith("ContainersError this is no kernel of yarnkernel's")
    assert "--max-containers=3 needs the direct way" in shell.yarnkernel(
        "start", "--max-containers", "3", "--via", "skein"
    ).error(2)


def test_page(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    """What docs/containers.rst shows, with ipyparallel's engines."""
    commands, engines = code_blocks(REPOSITORY / "docs" / "containers.rst", "python")
    spec = write_spec(tmp_path, RECIPE, resources="{memory: 2 GiB, vcores: 1}")
    app_id, info = start_kernel(shell, spec)
    stop_later(app_id)
    with Kernel(info) as kernel:
        assert kernel.run(commands).count("('ended', 0, 'localhost', 'container_") == 3
        assert "[0, 1, 4, 9, 16, 25, 36, 49]" in kernel.run(engines, timeout=150)


def sleeping(seconds: str) -> list[psutil.Process]:
    """What further containers run."""
    found = []
    for process in own_processes():
        try:
            if process.cmdline() == ["sleep", seconds]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_ends(shell: Shell, kernel: tuple[str, Kernel], tmp_path: Path) -> None:
    """However a kernel ends, none of its containers is left."""
    app_id, client = kernel
    begin = "containers.start(2, ['sleep', '602'], memory='200 MiB').wait_running(60)"

    def start() -> None:
        client.run(f"{PREPARE}\n{begin}")
        wait_for(lambda: len(sleeping("602")) == 2, 30, "two containers")

    def none_is_left() -> None:
        wait_for(lambda: not sleeping("602"), 30, "no further container")

    ways: dict[str, Callable[[], Any]] = {
        "restart in place": lambda: shell.yarnkernel("restart", app_id).ok(),
        "kill -9 of the kernel": lambda: os.kill(int(client.run("os.getpid()")), 9),
        "memory guard": lambda: client.client.execute("kept = bytearray(900 << 20)"),
    }
    for way in ways.values():
        start()
        way()
        none_is_left()
        client.wait()
    start()
    shell.yarnkernel("stop", app_id).ok()
    none_is_left()
    await_nothing_left(app_id)

    other, info = start_kernel(shell, write_spec(tmp_path, RECIPE))
    with Kernel(info) as doomed:
        doomed.run(f"{PREPARE}\n{begin}")
        wait_for(lambda: len(sleeping("602")) == 2, 30, "two containers")
        one_of(other, "yarnkernel.recipe").kill()
    none_is_left()
    await_nothing_left(other)
    assert not in_containers(other)
