"""The memory of a container, and its processes, on a host with many others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil

from yarnkernel.container.descendants import descendants, is_zombie
from yarnkernel.container.memory import ContainerMemory

#: Of other users of the host.
OTHERS = 600
#: Adopts an orphan and lives beside it.
ADOPT = """
import asyncio, os, subprocess
from yarnkernel.container.descendants import bury_orphans, descendants
from yarnkernel.container.own_process import adopt_orphans
adopt_orphans()
shell = subprocess.run(["setsid", "sh", "-c", "sleep 0.5 & echo $!"], capture_output=True)
orphan = int(shell.stdout)
assert descendants(os.getpid()) == [orphan]
async def main():
    task = asyncio.create_task(bury_orphans())
    for _ in range(200):
        await asyncio.sleep(0.1)
        if not descendants(os.getpid()):
            print("buried")
            return
asyncio.run(main())
"""
#: Counts the files and directories that a look opens.
LOOK = """
import sys
from yarnkernel.container.memory import ContainerMemory
memory, opened = ContainerMemory(0), []
sys.addaudithook(lambda name, _: name in ("open", "os.listdir", "os.scandir") and opened.append(1))
memory.used()
print(len(opened))
"""


def test_all_descendants_are_counted() -> None:
    script = "import time; kept = bytearray(64 << 20); time.sleep(60)"
    before = ContainerMemory(0).used()
    shell = f"'{sys.executable}' -c '{script}' & wait"
    with subprocess.Popen(["sh", "-c", shell], start_new_session=True) as child:
        try:
            for _ in range(500):
                memory = ContainerMemory(0)
                if memory.used() > before + (64 << 20):
                    break
                time.sleep(0.02)
            assert memory.used() > before + (64 << 20)
            tree = {one.pid for one in psutil.Process().children(recursive=True)}
            assert {pid for pid in descendants(os.getpid()) if not is_zombie(pid)} <= tree
            assert child.pid in descendants(os.getpid())
        finally:
            os.killpg(child.pid, signal.SIGKILL)


def test_look_does_not_cost_more_on_a_busy_host() -> None:
    """No file more is read for a look when others have hundreds of processes."""
    others = [
        # Not below us: sh ends at once.
        subprocess.Popen(
            ["sh", "-c", "for i in $(seq 100); do sleep 60 & done"], start_new_session=True
        )
        for _ in range(OTHERS // 100)
    ]
    try:
        for one in others:
            one.wait(10)
        looked = subprocess.run(
            [sys.executable, "-c", LOOK],
            capture_output=True, text=True, timeout=60, check=True, start_new_session=True,
        )  # fmt: skip
        assert 0 < int(looked.stdout) < 20
    finally:
        for one in others:
            os.killpg(one.pid, signal.SIGKILL)


def test_orphans_are_adopted_and_buried() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", ADOPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout == "buried\n"
