"""Ports that a firewall leaves open: the kernel's and its store's are among them, or it is said."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.kernels import Kernel
from yarnkernel.connection import PORT_NAMES
from yarnkernel.container.ports import taken_by_others
from yarnkernel.errors import UsageError
from yarnkernel.port_range import NEEDED, parse_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Shell


def free_range(count: int = NEEDED) -> range:
    """Ports beside each other that nobody has, and that systems give to nobody."""
    while True:
        first = random.randrange(61000, 65000)  # noqa: S311
        found = range(first, first + count)
        if not taken_by_others("0.0.0.0", found):  # noqa: S104
            return found


def spelled(ports: range) -> str:
    return f"{ports[0]}-{ports[-1]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("40000", "is not FIRST-LAST"),
        ("a-b", "is not FIRST-LAST"),
        ("40000-40004", "has 5 ports, and a kernel takes 6"),
        ("40009-40000", "from 1024 to 65535, in order"),
        ("80-90", "from 1024 to 65535, in order"),
        ("65000-70000", "from 1024 to 65535, in order"),
    ],
)
def test_no_range(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^--ports .*{said}"):
        parse_ports(text)


def test_bad_input(user_shell: Shell) -> None:
    for command in (("start",), ("kernelspec", "add"), ("doctor",)):
        error = user_shell.yarnkernel(*command, "--ports", "40000-40002").error(2)
        assert "has 3 ports, and a kernel takes 6" in error
        assert len(error.splitlines()) == 1


def diagnostics(ports: range) -> str:
    """What is said of a range that is taken: not that the place took the kernel away."""
    text = f"none of the ports {spelled(ports)} is free at 127.0.0.1 (--ports)"
    return f"diagnostics: The kernel cannot be reached: {text}."


def ports_of(shell: Shell, kernel: str) -> set[int]:
    info: dict[str, Any] = shell.yarnkernel("connect", kernel).ok().document
    with Kernel(info) as client:
        assert client.run("6 * 7") == "42"
    return {info[name] for name in PORT_NAMES}


def test_directly(user_shell: Shell, cluster: dict[str, Any]) -> None:
    """Six ports are enough for one kernel; for a second one they are said to be taken."""
    assert cluster["running"]
    ports = free_range()
    start = ("start", "--via", "direct", "--ports", spelled(ports))
    first = user_shell.yarnkernel(*start).ok().out.strip()
    try:
        status = user_shell.yarnkernel("status", first, "--json").ok().document
        port = int(status["details"]["application_master"].rpartition(":")[2])
        assert {port, *ports_of(user_shell, first)} == set(ports)
        error = user_shell.yarnkernel(*start).error(1)
        assert diagnostics(ports) in error
        user_shell.yarnkernel("restart", first).ok()
        assert ports_of(user_shell, first) < set(ports)
    finally:
        user_shell.yarnkernel("stop", first).ok()
    # What still lingers of it is in nobody's way.
    again = user_shell.yarnkernel(*start).ok().out.strip()
    user_shell.yarnkernel("stop", again).ok()


def test_further_ports(user_shell: Shell, cluster: dict[str, Any]) -> None:
    """Those for clients that encrypt are in the range as well."""
    assert cluster["running"]
    ports = free_range(11)
    kernel = user_shell.yarnkernel("start", "--ports", spelled(ports)).ok().out.strip()
    try:
        plain = ports_of(user_shell, kernel)
        info = user_shell.yarnkernel("connect", "--encrypt", kernel).ok().document
        encrypted = {info[name] for name in PORT_NAMES}
        assert "curve_publickey" in info
        assert not plain & encrypted
        assert plain | encrypted < set(ports)
    finally:
        user_shell.yarnkernel("stop", kernel).ok()


def test_by_skein(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """The kernel's own five; skein's ApplicationMaster has its port from nobody."""
    ports = free_range()
    with socket.create_server(("127.0.0.1", ports[0])):
        start = ("start", "--via", "skein", "--ports", spelled(ports))
        kernel = stop_later(shell.yarnkernel(*start).ok().out)
        assert ports_of(shell, kernel) == set(ports[1:])


def test_here(user_shell: Shell) -> None:
    ports = free_range()
    start = ("start", "--interface", "local", "--ports", spelled(ports))
    first = user_shell.yarnkernel(*start).ok().out.strip()
    try:
        assert ports_of(user_shell, first) < set(ports)
        error = user_shell.yarnkernel(*start).error(1)
        assert diagnostics(ports) in error
    finally:
        user_shell.yarnkernel("stop", first).ok()
