"""Hosts by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.hosts.here import Here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.hosts.host import Host


def host_of(name: str, jump: Sequence[str] = (), python: str = "") -> Host:
    """Return a host; this machine has no name.

    Raises
    ------
    UsageError
        When it cannot be the name of a host.
    """
    if not name:
        return Here()
    from yarnkernel.hosts.ssh import SshHost  # noqa: PLC0415  (asyncio)

    return SshHost(name, jump, python)
