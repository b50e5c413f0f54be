"""Reads hosts as other tools write them, and their arguments of ssh."""

from __future__ import annotations

import getopt
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.jupyter.peers.taken import Taken

#: Options of OpenSSH 9.2's client (``main`` of ssh.c).
_OPTIONS = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:PQ:R:S:TVw:W:XYy"
_CONFIG = "your ssh takes it from ~/.ssh/config, for this host"


def host_of(text: str) -> str:
    """Return ``[user@]host[:port]`` in the form that ssh accepts."""
    name, colon, port = text.rpartition(":")
    if not colon or "[" in text or ":" in name or not port.isdecimal():
        return text
    return f"ssh://{name}:{port}"


def take_ssh_arguments(arguments: Sequence[str], taken: Taken) -> None:
    """Import what arguments of ssh say about the host, which is already known.

    Raises
    ------
    UsageError
        When ssh could not parse them.
    """
    try:
        options, rest = getopt.gnu_getopt(list(arguments), _OPTIONS)
    except getopt.GetoptError as exc:
        raise UsageError(f"its arguments of ssh cannot be read: {exc}") from None
    for flag, value in options:
        host = taken.options["host"]
        if flag == "-J":
            before = taken.options.get("jump", [])
            taken.options["jump"] = [*before, *map(host_of, value.split(","))]
        elif flag == "-p" and not host.startswith("ssh://"):
            taken.options["host"] = host_of(f"{host}:{value}")
        elif flag == "-l" and "@" not in host:
            scheme = "ssh://" if host.startswith("ssh://") else ""
            taken.options["host"] = f"{scheme}{value}@{host.removeprefix(scheme)}"
        else:
            taken.leave(f"ssh {flag} {value}".rstrip(), _CONFIG)
    if rest:
        taken.leave(f"ssh {' '.join(rest)}", "a command of its own is not run")
