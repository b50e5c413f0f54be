"""Places outside YARN: this machine, a host that has sshd and nothing of ours, batch systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell, clean_environment
from tests.support.grid_engine import grid_engine
from tests.support.slurm import slurm
from tests.support.ssh_host import SshHost, bare_environment, ssh_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["grid_engine", "slurm"]


@pytest.fixture(scope="module")
def own_shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user with a new home, and no cluster."""
    home = tmp_path_factory.mktemp("home") / "it's a home"
    home.mkdir()
    return Shell(clean_environment(home), home)


@pytest.fixture(scope="module")
def box() -> Iterator[SshHost]:
    with ssh_host() as host:
        yield host


@pytest.fixture(scope="module")
def bare_python(box: SshHost) -> Path:
    """A Python that has ipykernel, and nothing of ours."""
    return bare_environment(box.directory / "environment")


@pytest.fixture(scope="module")
def ssh_shell(own_shell: Shell, box: SshHost) -> Shell:
    """A user who has the host ``box`` in his ssh's configuration."""
    path = own_shell.environment["PATH"]
    return own_shell.using(**box.environment, PATH=f"{box.programs}:{path}")
