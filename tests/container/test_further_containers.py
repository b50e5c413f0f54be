"""What is told a ResourceManager about further containers, and what is told it once more."""

from __future__ import annotations

import base64
import queue
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import wait_for
from yarnkernel.container.further import Further
from yarnkernel.container.further_containers import FurtherContainers
from yarnkernel.container.further_launch import FurtherContexts, FurtherLaunch, read_secret
from yarnkernel.container.further_options import FurtherOptions
from yarnkernel.container_status import ContainerStatus
from yarnkernel.errors import (
    CredentialsError,
    HadoopError,
    NotFoundError,
    UsageError,
    YarnKernelError,
)
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.credentials import AMRM_TOKEN, Credentials, Token
from yarnkernel.hadoop.messages import message_class
from yarnkernel.store.master_launch import FILES, MasterLaunch
from yarnkernel.store.packed_files import container_command, pack_files, without

if TYPE_CHECKING:
    from pathlib import Path

    from yarnkernel.container.further_containers import Granted
    from yarnkernel.hadoop.addresses import Address

OWNER = "a connection"
LAUNCH = FurtherLaunch(("true",), {}, {}, memory=512, vcores=1, gpus=0)


class Account:
    """Further containers whose node's NodeManager is a queue."""

    def __init__(self, most: int = 9) -> None:
        self.started: queue.Queue[tuple[Address, Token, list[int]]] = queue.Queue()
        self.failure = ""
        self.book = FurtherContainers(most, self._start, lambda: None)

    def _start(self, node: Address, token: Token, granted: list[Granted]) -> dict[str, str]:
        self.started.put((node, token, [number for number, _, _ in granted]))
        if self.failure:
            raise YarnKernelError(self.failure)
        return {}

    def beat(self, *, again: bool = False, **answer: Any) -> tuple[dict[int, int], list[int]]:
        """Tell, and hear an answer: what was asked for by its number, and what was given back."""
        told = self.tell(again=again)
        self.book.heard(message_class("hadoop.yarn.AllocateResponseProto")(**answer))
        return told

    def tell(self, *, again: bool = False) -> tuple[dict[int, int], list[int]]:
        request = message_class("hadoop.yarn.AllocateRequestProto")(**self.book.wishes(again))
        asked = {one.allocation_request_id: one.num_containers for one in request.ask}
        return asked, [one.id for one in request.release]

    def states(self) -> list[str]:
        return [one.state for one in self.book.statuses(OWNER)]


def granted(number: int, container: int, host: str = "node") -> dict[str, Any]:
    return {
        "id": container_id(container),
        "nodeId": {"host": host, "port": 1},
        "allocation_request_id": number,
    }


def container_id(number: int) -> dict[str, Any]:
    application = {"cluster_timestamp": 1, "id": 2}
    return {"app_attempt_id": {"application_id": application, "attemptId": 1}, "id": number}


def token(password: bytes, host: str = "node") -> dict[str, Any]:
    given = {"identifier": b"", "password": password, "kind": "NMToken", "service": ""}
    return {"nodeId": {"host": host, "port": 1}, "token": given}


def test_answer_that_is_lost() -> None:
    """What is told again is the same: what is new is told when that has been heard."""
    account = Account()
    account.book.ask(OWNER, LAUNCH, 2)
    assert account.tell() == ({1: 1, 2: 1}, [])
    account.book.ask(OWNER, LAUNCH, 1)
    assert account.beat() == ({1: 1, 2: 1}, [])
    assert account.beat() == ({3: 1}, [])
    assert account.beat() == ({}, [])


def test_resourcemanager_that_was_restarted() -> None:
    """It is told what is outstanding: what waits, and what was given back and has not ended."""
    account = Account()
    account.book.ask(OWNER, LAUNCH, 4)
    first = [granted(1, 11), granted(2, 12)]
    account.beat(allocated_containers=first, nm_tokens=[token(b"old")])
    account.started.get(timeout=20)
    account.book.release(OWNER, [2, 3])
    assert account.beat() == ({3: 0}, [12])
    assert account.beat(again=True) == ({4: 1}, [12])
    completed = {"container_id": container_id(12), "exit_status": -100, "diagnostics": "released"}
    account.beat(completed_container_statuses=[completed])
    assert account.beat(again=True) == ({4: 1}, [])
    status = account.book.statuses(OWNER)[1]
    assert (status.state, status.exit_code, status.diagnostics) == ("ended", -100, "released")
    assert account.book.statuses(OWNER)[2].diagnostics == "it was released"


def test_container_that_nobody_waits_for_any_more() -> None:
    account = Account()
    account.book.ask(OWNER, LAUNCH, 1)
    account.beat()
    account.book.release(OWNER)
    late = [granted(1, 11), granted(99, 12)]
    account.beat(allocated_containers=late, nm_tokens=[token(b"x")])
    assert account.beat() == ({}, [11, 12])
    assert account.started.empty()
    assert account.states() == []


def test_keys_that_are_changed() -> None:
    """NodeManagers do so, and the ResourceManager gives the token by the new key once."""
    account = Account()
    account.book.ask(OWNER, LAUNCH, 3)
    account.beat(allocated_containers=[granted(1, 11)], nm_tokens=[token(b"old")])
    assert account.started.get(timeout=20)[1].password == b"old"
    account.beat(allocated_containers=[granted(2, 12)])
    assert account.started.get(timeout=20)[1].password == b"old"
    account.beat(allocated_containers=[granted(3, 13)], nm_tokens=[token(b"new")])
    node, given, numbers = account.started.get(timeout=20)
    assert (node, given.password, numbers) == (("node", 1), b"new", [3])


@pytest.mark.parametrize("reason", ["the node is on fire", "YARN has given no token for the node"])
def test_container_that_cannot_be_started(reason: str) -> None:
    """It is given back, as nobody knows whether it runs."""
    account = Account()
    account.failure = reason
    tokens = [] if "token" in reason else [token(b"x")]
    account.book.ask(OWNER, LAUNCH, 1)
    account.beat(allocated_containers=[granted(1, 11)], nm_tokens=tokens)
    wait_for(lambda: account.states() == ["ended"], 10, "a thread has tried")
    (status,) = account.book.statuses(OWNER)
    assert reason in status.diagnostics
    assert account.tell(again=True) == ({}, [11])


def test_what_yarn_refuses() -> None:
    """It is not asked for again: each heartbeat would fail."""
    account = Account()
    account.book.ask(OWNER, LAUNCH, 1)
    account.tell()
    account.book.refused("Invalid resource request")
    assert account.tell() == ({}, [])
    (status,) = account.book.statuses(OWNER)
    assert (status.state, status.diagnostics) == (
        "ended",
        "YARN refuses it: Invalid resource request",
    )


@pytest.mark.parametrize(
    ("class_name", "times"), [("x.InvalidResourceRequestException", 1), ("x.SomeException", 5)]
)
def test_refusal_that_costs_no_heartbeat(class_name: str, times: int) -> None:
    """One that is known is taken at once, and any other in the end; the rest is nobody's here."""
    launch = MasterLaunch([], {}, b"", b"", key=b"its own")
    further = Further(
        FurtherOptions(9), launch, Configuration({}, "test"), lambda: None, lambda _: None
    )

    def beat(failure: Exception) -> bool:
        """Say whether a heartbeat that fails so has failed."""
        try:
            with further.telling() as (wishes, _):
                wishes(False)  # noqa: FBT003
                raise failure
        except HadoopError:
            return True
        return False

    assert beat(HadoopError(class_name, "of what nobody has asked for"))
    further._containers.heard(message_class("hadoop.yarn.AllocateResponseProto")())
    further._containers.ask(OWNER, LAUNCH, 1)
    assert beat(NotFoundError("x.ApplicationAttemptNotFoundException", "it has ended"))
    failed = [beat(HadoopError(class_name, "no")) for _ in range(times)]
    assert failed == [True] * (times - 1) + [False]
    assert [one.diagnostics for one in further._containers.statuses(OWNER)] == [
        "YARN refuses it: no"
    ]


def test_limit() -> None:
    """Those that have ended do not count."""
    account = Account(most=2)
    account.book.ask(OWNER, LAUNCH, 2)
    with pytest.raises(UsageError, match="has 2 and may have 2 at a time"):
        account.book.ask("another connection", LAUNCH, 1)
    account.book.release(OWNER, [1])
    assert account.book.ask("another connection", LAUNCH, 1) == [3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": []}, "need a command"),
        ({"command": "true"}, "need a command"),
        ({"memory": 0}, "1 MiB"),
        ({"gpus": -1}, "0 gpus"),
        ({"env": {"A=B": ""}}, "'A=B' cannot name a variable"),
        ({"files": {"..": ""}}, "'..' is no name"),
        ({"files": {"a/b": ""}}, "'a/b' is no name"),
        ({"files": {"a": "not base64!"}}, "in base64"),
    ],
)
def test_launch_that_is_none(change: dict[str, Any], said: str) -> None:
    """A kernel is the user's, and may say anything."""
    sound = {"command": ["true"], "env": {}, "files": {}, "memory": 1, "vcores": 1, "gpus": 0}
    assert FurtherLaunch.of(sound).command == ("true",)
    with pytest.raises(UsageError, match=said):
        FurtherLaunch.of({**sound, **change})


def test_context(tmp_path: Path) -> None:
    """A further container has the kernel's files and tokens, but for what is the kernel's alone."""
    files = {"keys.json": b"secret", "data": b"1", "run": b"2"}
    packed = pack_files(files, {"run"}, "word")
    further = message_class("hadoop.yarn.ContainerLaunchContextProto")(
        command=[container_command("word", "script")],
        environment=[{"key": "SKEIN_RESOURCE_MEMORY", "value": "1"}, {"key": "A", "value": "b"}],
        localResources=[{"key": "keys.json"}, {"key": "archive"}],
    )
    launch = MasterLaunch([], {}, b"", b"", further=further.SerializeToString(), files=packed)
    tokens = {"hdfs": Token(b"i", b"p", "HDFS"), "": Token(b"i", b"master's", AMRM_TOKEN)}
    Credentials(tokens, {"mine": b"secret of the user's"}).write(tmp_path / "tokens")
    contexts = FurtherContexts(launch, tmp_path / "tokens", ["keys.json"])
    wanted = FurtherLaunch(("a", "b"), {"X": "y"}, {"z": b"\0"}, memory=512, vcores=2, gpus=0)
    context = contexts.of(7, wanted)
    assert [one.key for one in context.localResources] == ["archive"]
    assert {one.key: one.value for one in context.environment} == {
        "A": "b",
        "SKEIN_RESOURCE_MEMORY": "512",
        "SKEIN_RESOURCE_VCORES": "2",
        "YARNKERNEL_CONTAINER": "7",
    }
    credentials = Credentials.from_bytes(context.tokens)
    assert list(credentials.tokens) == ["hdfs"]
    assert credentials.secrets[FILES] == without(packed, ["keys.json"])
    assert credentials.secrets[FILES] == pack_files({"data": b"1", "run": b"2"}, {"run"}, "word")
    assert read_secret(credentials.secrets) == (["a", "b"], {"X": "y"}, {"z": b"\0"})
    assert base64.b64encode(b"secret") not in context.tokens
    older = MasterLaunch([], {}, b"", b"")
    with pytest.raises(CredentialsError, match="next: pip install --upgrade yarnkernel"):
        FurtherContexts(older, None, []).of(1, wanted)
    with pytest.raises(CredentialsError, match="name no command"):
        read_secret({})


def test_status_that_is_none() -> None:
    """The two sides may be of different versions."""
    assert ContainerStatus.of({"number": 1, "state": "ended", "newer": 1}).number == 1
    for damaged in (
        {"number": 1},
        {"number": 1, "state": "gone"},
        {"number": "1", "state": "ended"},
    ):
        with pytest.raises(YarnKernelError):
            ContainerStatus.of(damaged)
