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

    from tests.support.daemons import BatchSystem

__all__ = ["grid_engine", "slurm"]


def new_user(factory: pytest.TempPathFactory) -> Shell:
    """A user with a new home, and no cluster."""
    home = factory.mktemp("home") / "it's a home"
    home.mkdir()
    return Shell(clean_environment(home), home)


@pytest.fixture(scope="module")
def own_shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return new_user(tmp_path_factory)


@pytest.fixture(scope="module")
def box() -> Iterator[SshHost]:
    with ssh_host() as host:
        yield host


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has ipykernel, and nothing of ours."""
    return bare_environment(tmp_path_factory.mktemp("environments") / "bare")


@pytest.fixture(scope="module")
def ssh_shell(tmp_path_factory: pytest.TempPathFactory, box: SshHost) -> Shell:
    """A user who has the host ``box`` in his ssh's configuration."""
    user = new_user(tmp_path_factory)
    path = user.environment["PATH"]
    return user.using(**box.environment, PATH=f"{box.programs}:{path}")


@pytest.fixture(scope="module")
def login(slurm: BatchSystem) -> Iterator[SshHost]:
    """A host where Slurm's commands are, and which is reached by ssh."""
    with ssh_host(variables=slurm.environment) as host:
        yield host


@pytest.fixture(scope="module")
def slurm_shell(tmp_path_factory: pytest.TempPathFactory, login: SshHost) -> Shell:
    """A user who has the host ``login`` in his ssh's configuration."""
    user = new_user(tmp_path_factory)
    path = user.environment["PATH"]
    return user.using(**login.environment, PATH=f"{login.programs}:{path}")


@pytest.fixture(scope="module")
def sge_shell(tmp_path_factory: pytest.TempPathFactory, grid_engine: BatchSystem) -> Shell:
    """A user on a host that submits jobs to Grid Engine."""
    return new_user(tmp_path_factory).using(**grid_engine.environment)
