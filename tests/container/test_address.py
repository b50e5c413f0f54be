"""The address that a kernel publishes, in hosts as clusters have them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yarnkernel.container.address import container_address
from yarnkernel.errors import YarnKernelError

PRINT = (
    "from yarnkernel.container.address import container_address; import os;"
    "print(container_address(os.environ))"
)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_when_the_nodemanager_is_there(host: str) -> None:
    assert container_address({"NM_HOST": host}) == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  (nobody binds it)
def test_nodemanager_that_listens_on_all_addresses(host: str) -> None:
    try:
        assert container_address({"NM_HOST": host}) not in ("0.0.0.0", "::")  # noqa: S104
    except YarnKernelError as exc:
        assert host in str(exc)  # noqa: PT017  (a host without a network has none)


def test_never_loopback_for_another_name() -> None:
    """Documentation's own names and addresses (RFC 6761, RFC 5737) resolve to nothing here."""
    try:
        address = container_address({"NM_HOST": "node7.invalid"})
    except YarnKernelError as exc:
        assert "node7.invalid" in str(exc)  # noqa: PT017  (a host without a network has none)
    else:
        assert not address.startswith("127.")


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None,
    reason="needs root, unshare and ip: makes a host with a network of its own",
)
def test_debian_host_that_gives_its_name_127_0_1_1(tmp_path: Path) -> None:
    """With one address, and an /etc/hosts as Debian's installer writes it."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.1.1 node7.example.com node7\n10.9.8.7 master\n")
    script = f"""
        set -e
        mount --bind {hosts} /etc/hosts
        ip link set lo up
        ip link add node0 type veth peer name node1
        ip addr add 10.9.8.6/24 dev node0
        ip link set node0 up
        {sys.executable} -c '{PRINT}'
    """
    shown = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", script],
        env={**os.environ, "NM_HOST": "node7", "SKEIN_APPMASTER_ADDRESS": "master:1234"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shown.stdout.strip() == "10.9.8.6", shown.stderr
    assert Path("/etc/hosts").read_text() != hosts.read_text()
