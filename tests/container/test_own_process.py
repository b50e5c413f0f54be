"""What of a supervisor its kernel, which is the same user, can see."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skein

#: Run as a kernel's command: what it can read of its parent, and what it may itself.
LOOK = """\
import pathlib, resource, os
for name in ("environ", "mem", "maps"):
    try:
        pathlib.Path("/proc", str(os.getppid()), name).open("rb").close()
    except PermissionError:
        print(name, "is closed")
    else:
        print(name, "is open")
print("core", resource.getrlimit(resource.RLIMIT_CORE)[0])
print("files", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
pathlib.Path("/proc/self/environ").read_bytes()
"""
#: Root as any other user, to whom not everything is open.
NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def run_recipe(directory: Path, *options: str) -> str:
    """Run the recipe in a container whose ApplicationMaster does not answer."""
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, as root can read everything")
    look = directory / "look.py"
    look.write_text(LOOK)
    container = directory / "container_1_0001_01_000002"
    container.mkdir()
    credentials = skein.Security.new_credentials()
    for name, part in (("crt", "cert"), ("pem", "key")):
        (container / f".skein.{name}").write_bytes(credentials._get_bytes(part))
    recipe = (
        f"ulimit -Sc 4; ulimit -Sn 512; exec {sys.executable} -m yarnkernel.recipe -v"
        f" {shlex.join(options)} -- {sys.executable} {look} {{connection_file}}"
    )
    shown = subprocess.run(
        [*(NO_CAPABILITIES if os.getuid() == 0 else ()), "bash", "-c", recipe],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SKEIN_APPLICATION_ID": "application_1_0001",
            "SKEIN_APPMASTER_ADDRESS": "127.0.0.1:1",
            "CONTAINER_ID": container.name,
            "LOCAL_DIRS": str(directory),
            "NM_HOST": "127.0.0.1",
            "HOME": str(directory),
        },
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return shown.stdout + shown.stderr


def test_supervisor_is_closed_to_its_kernel(tmp_path: Path) -> None:
    said = run_recipe(tmp_path)
    for line in ("environ is closed", "mem is closed", "maps is closed"):
        assert line in said, said
    assert "core 4" in said
    assert "files 512" in said
    assert "PermissionError" not in said


def test_limits_of_the_users_own(tmp_path: Path) -> None:
    said = run_recipe(tmp_path, "--pre-command", "ulimit -Sn 300; ulimit -Sc 0")
    assert "core 0" in said
    assert "files 300" in said
