"""Finds hosts by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.hosts.here import Here
from yarnkernel.hosts.ssh import SshHost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.hosts.host import Host


def host_of(name: str, jump: Sequence[str] = (), python: str = "") -> Host:
    """Return a host by its name, which is empty for this machine."""
    return SshHost(name, jump, python) if name else Here()
