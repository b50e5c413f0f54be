"""Front ends that would not see a kernelspec, or not start it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.conftest import BIN, Shell, clean_environment
from tests.support.doctored import examined, lacking, read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def user(tmp_path: Path) -> Shell:
    """A user with a kernelspec of ours, for all his front ends."""
    home = tmp_path / "it's a home"
    home.mkdir()
    shell = Shell(clean_environment(home), home)
    shell.yarnkernel("kernelspec", "add", "--interface", "local", "--name", "mine").ok()
    return shell


def test_front_ends(user: Shell, tmp_path: Path) -> None:
    """An entry point that is gone, and another environment's Jupyter that never had it."""
    here = ("--interface", "local")
    good = examined(user, *here)["front ends"]
    assert good["state"] == "ok"
    assert "mine" in good["found"]
    (away := tmp_path / "away").mkdir()
    version = "Metadata-Version: 2.4\nName: yarnkernel\nVersion: 0.1.0\nRequires-Python: >=3.10\n"
    command = lacking(away, (), version)  # and so without entry points
    result = user.run(*command, "doctor", *here, "--json")
    gone = read(result.document, result.code)["front ends"]
    assert gone["state"] == "warning"
    assert "does not have the entry point yarn-provisioner" in gone["why"]
    assert "--force-reinstall yarnkernel" in gone["todo"]
    (other := tmp_path / "other").mkdir()
    packages = lacking_environment(other)
    shell = user.using(PATH=f"{user.environment['PATH']}:{packages / 'bin'}")
    skipping = examined(shell, *here)["front ends"]
    assert skipping["state"] == "warning"
    assert str(packages / "bin" / "jupyter-lab") in skipping["why"]
    assert "it finds mine and skips them" in skipping["why"]
    assert "kernelspec add --argv" in skipping["todo"]
    # One that needs no provisioner is for all of them.
    add = ("kernelspec", "add", "--replace", "--argv", "--name", "mine", "--interface", "local")
    user.yarnkernel(*add).ok()
    assert examined(shell, *here)["front ends"]["state"] == "ok"
    # In this environment alone, others do not see it.
    user.yarnkernel("kernelspec", "remove", "mine").ok()
    user.yarnkernel("kernelspec", "add", "--prefix", packages, "--name", "theirs", *here).ok()
    assert "kernelspecs of ours: none" in examined(shell, *here)["front ends"]["found"]


def lacking_environment(directory: Path) -> Path:
    """An environment with a JupyterLab of its own, which knows nothing of ours."""
    prefix = directory / "prefix"
    Shell(clean_environment(directory), directory).run(
        BIN / "python", "-m", "venv", "--without-pip", prefix
    ).ok()
    packages = next(prefix.glob("lib/python3*/site-packages"))
    own = next(BIN.parent.glob("lib/python3*/site-packages"))
    for entry in own.iterdir():
        if "yarnkernel" not in entry.name:
            (packages / entry.name).symlink_to(entry)
    lab = prefix / "bin" / "jupyter-lab"
    lab.write_text(f"#!{prefix}/bin/python\nimport sys\n")
    lab.chmod(0o755)
    assert shutil.which(lab)
    return prefix
