"""A user who has kernels at several places: a cluster of YARN, a host, and here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.jobs.conftest import bare_python, box, new_user
from yarnkernel.jupyter.agent_client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Shell
    from tests.support.ssh_host import SshHost

__all__ = ["bare_python", "box"]


@pytest.fixture(scope="module")
def user(
    user_shell: Shell,
    cluster: dict[str, Any],
    box: SshHost,
    bare_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shell:
    """A user with the kernelspecs ``on_yarn`` and ``on_box``, and with ``python3`` and ``ir``."""
    assert cluster["running"]
    site = user_shell.yarnkernel("cluster", "env", "--json").ok().document
    new = new_user(tmp_path_factory)
    variables = {**new.environment, **site, **box.environment}
    user = new.using(**{**variables, "PATH": f"{box.programs}:{variables['PATH']}"})
    add = ("kernelspec", "add", "--name")
    user.yarnkernel(*add, "on_yarn", "--memory", "640 MiB").ok()
    on_box = ("--interface", "ssh", "--host", "box", "--python", bare_python)
    user.yarnkernel(*add, "on_box", *on_box).ok()
    return user


@pytest.fixture(scope="module")
def as_user(user: Shell) -> Iterator[None]:
    """This process is one of that user's; at its end it has no agent."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - user.environment.keys():
            if not name.startswith("PYTEST"):
                patch.delenv(name)
        for name, value in user.environment.items():
            patch.setenv(name, value)
        patch.setattr(AgentClient, "_shared", None)
        yield
        if AgentClient._shared is not None:
            AgentClient._shared.close(60)
