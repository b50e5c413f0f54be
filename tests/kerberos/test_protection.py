"""Authentication, integrity and privacy: what they keep, and from whom."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.kerberos.clients import ask, changed, through
from tests.support.rpc_server import failure
from tests.support.wire import Wire
from yarnkernel.errors import (
    AuthenticationError,
    ClusterError,
    HadoopConfigurationError,
    HadoopError,
    RpcError,
)
from yarnkernel.hadoop.resource_manager import ResourceManager
from yarnkernel.local.options import PROTECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from yarnkernel.hadoop.configuration import Configuration

pytestmark = pytest.mark.timeout(300)
#: Frames of the server's side of a connection: the offer of methods, two challenges, success, and
#: the answer to the first call.
ANSWER = 4


@pytest.fixture
def wire(configuration: Configuration) -> Iterator[Wire]:
    with Wire(configuration) as wire:
        yield wire


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_protection(wire: Wire, configuration: Configuration, protection: str) -> None:
    """Who listens reads answers unless they are private; who changes them is noticed if wanted."""
    chosen = through(wire, configuration, protection)
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        queue = resource_manager.queue("root", 20)
        assert sorted(child.queueName for child in queue.childQueues) == ["default", "small"]
        readable = any(b"small" in frame for frame in wire.frames)
        assert readable == (protection != "privacy")
        for _ in range(3):  # the packets of a connection are numbered
            assert resource_manager.cluster_metrics(20).num_node_managers == 1

    def change(index: int, frame: bytearray) -> None:
        if index == ANSWER:
            frame[-1] ^= 1

    wire.change = change
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        expected = (
            contextlib.nullcontext()
            if protection == "authentication"
            else pytest.raises(RpcError, match="changed on its way")
        )
        with expected:
            resource_manager.cluster_metrics(20)


@given(index=st.integers(0, ANSWER), position=st.integers(0, 2**16), bit=st.integers(0, 7))
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_frames(
    wire: Wire, configuration: Configuration, index: int, position: int, bit: int
) -> None:
    """Wherever a bit falls over, there is the right answer or an error of ours."""

    def change(number: int, frame: bytearray) -> None:
        if number == index:
            frame[position % len(frame)] ^= 1 << bit

    wire.change = change
    chosen = through(wire, configuration, "privacy")
    # A damaged message of success may be the only sign that all is well: none waits for ever.
    with contextlib.suppress(ClusterError):
        assert ask(chosen, 1) == 1
        assert index != ANSWER or len(wire.frames) != ANSWER + 1 or not _matters(wire, position)


def _matters(wire: Wire, position: int) -> bool:
    """Whether a byte of the answer is part of what Kerberos protects."""
    frame = wire.frames[ANSWER]
    return position % len(frame) >= frame.index(b"\x05\x04")


@pytest.mark.parametrize("protection", ["integrity", "privacy"])
def test_errors_in_the_clear(wire: Wire, configuration: Configuration, protection: str) -> None:
    """Who can write to the wire makes up no error: with one, kernels would be ended."""
    name = "org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException"
    forged = failure(name, "forged by somebody on the wire")[4:]

    place = ANSWER

    def forge(index: int, frame: bytearray) -> None:
        if index == place:
            frame[:] = forged

    wire.change = forge
    chosen = through(wire, configuration, protection)
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        with pytest.raises(RpcError, match="that is not protected") as caught:
            resource_manager.cluster_metrics(20)
        assert not isinstance(caught.value, HadoopError)
        place = -1
        assert resource_manager.cluster_metrics(20).num_node_managers == 1, "a new connection"
    for earlier in range(ANSWER):  # before anything is protected, it ends nothing either
        place = earlier
        with pytest.raises(AuthenticationError, match="does not let us in"):
            ask(chosen)


def test_packets_twice(wire: Wire, configuration: Configuration) -> None:
    """An answer of the same connection that was heard before is none."""
    heard: list[bytes] = []

    def repeat(index: int, frame: bytearray) -> None:
        if index == ANSWER:
            heard.append(bytes(frame))
        elif index > ANSWER:
            frame[:] = heard[0]

    wire.change = repeat
    chosen = through(wire, configuration, "integrity")
    with contextlib.closing(ResourceManager(chosen)) as resource_manager:
        assert resource_manager.cluster_metrics(20).num_node_managers == 1
        with pytest.raises(RpcError, match="not the next one"):
            resource_manager.cluster_metrics(20)


def test_protection_that_the_server_does_not_offer(configuration: Configuration) -> None:
    unknown = changed(configuration, hadoop__rpc__protection="secrecy")
    with pytest.raises(HadoopConfigurationError, match=r"hadoop.rpc.protection has 'secrecy'"):
        ask(unknown)


def test_protection_that_there_is_not(user_shell: Shell) -> None:
    start = ("cluster", "start", "--name", "private", "--rpc-protection", "secrecy")
    assert "secrecy" in user_shell.yarnkernel(*start).error(2)
