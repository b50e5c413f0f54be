"""A front end's requests to its agent, which may hang, and what the agent sees to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.conftest import finish, frozen, wait_for
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ApplicationNotFoundError, UnreachableError, YarnKernelError
from yarnkernel.jupyter import agent_client, agent_ends
from yarnkernel.jupyter.agent_client import AgentClient, AgentError
from yarnkernel.jupyter.agent_ends import Ends
from yarnkernel.jupyter.agent_starts import KEPT, Starts
from yarnkernel.jupyter.messages import Cancel, Done, EndNews, KernelNews, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Shell
    from yarnkernel.jupyter.messages import News


@pytest.fixture
def agent(user_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentClient]:
    """An agent of a user without a cluster."""
    for name in os.environ.keys() - user_shell.environment.keys():
        monkeypatch.delenv(name)
    for name, value in user_shell.environment.items():
        monkeypatch.setenv(name, value)
    client = AgentClient()
    yield client
    client.close(10)


def cancel(client: AgentClient) -> Any:
    return client.request(Cancel(7), 10.0)[1]


def test_many_requests_never_wait(agent: AgentClient) -> None:
    """More than a pipe takes, to an agent that does not read; then it does."""
    assert cancel(agent).result(20) == Done()
    with frozen(psutil.Process(agent._process.pid)):
        begin = time.monotonic()
        answers = [cancel(agent) for _ in range(3000)]
        assert time.monotonic() - begin < 2
        assert agent._pipe.is_full
    assert [answer.result(30) for answer in answers] == [Done()] * 3000
    assert not agent._pipe.is_full


def test_agent_that_hangs(agent: AgentClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_client, "SLACK", 0.0)
    process = psutil.Process(agent._process.pid)
    assert cancel(agent).result(20) == Done()
    process.send_signal(signal.SIGSTOP)
    _, answer = agent.request(Cancel(7), 1.0)
    with pytest.raises(AgentError, match="has ended"):
        answer.result(10)
    assert agent.ended
    wait_for(lambda: not psutil.pid_exists(process.pid), 10, "it has been killed")
    with pytest.raises(AgentError, match="has ended"):
        cancel(agent).result(1)


def test_message_that_cannot_be_taken(agent: AgentClient, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a listener does, and whatever a message is: the next one is taken."""
    heard = []

    def listen(news: News) -> None:
        heard.append(news)
        raise AttributeError(news.kernel)

    agent.listen("application_1_0001", listen)
    told: list[News] = [
        KernelNews("application_1_0001", "idle", 0, "", None, "", {}, has_children=False),
        EndNews("application_1_0001"),
    ]
    for news in told:
        agent._take(encode(news).encode())
    for line in (b"no message\n", b'{"number": 7}\n', b'{"kind": "Done", "number": "7"}\n'):
        agent._take(line)
    assert heard == told
    assert cancel(agent).result(20) == Done()
    assert caplog.text.count("a message of yarnkernel.jupyter.agent is left out") == 5


def test_news_that_nobody_hears_do_not_grow(agent: AgentClient) -> None:
    agent.listen("application_1_0001", print)
    agent.listen("application_1_0001", None)
    for number in range(2000):
        agent._take(encode(EndNews(f"application_1_{number % 500}")).encode())
    assert sum(map(len, agent._early.values())) <= 4 * agent_client.EARLY_KEPT
    assert not agent._listeners


def test_front_end_that_ends_in_the_middle_of_a_line(user_shell: Shell) -> None:
    command = (sys.executable, "-m", "yarnkernel.jupyter.agent")
    process = user_shell.start(*command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write('{"kind": "Canc')
    assert finish(process) == ("", "")
    assert process.returncode == 0


def test_starts_that_are_over_are_forgotten() -> None:
    starts = Starts()
    for number in range(2 * KEPT):
        with starts.begun(number, Deadline(10)):
            starts.complete(number, f"application_1_{number}")
    assert len(starts._deadlines) == len(starts._completed) == KEPT
    assert starts.give_up(2 * KEPT - 1) == f"application_1_{2 * KEPT - 1}"


class _Cluster:
    """What ends applications, after a while."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[str] = []
        self.done = threading.Event()

    def end(self, _app_id: str, _grace: float) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.done.set()
        return "KILLED"

    def ask_master(self, app_id: str) -> bool:
        self.asked.append(app_id)
        return True

    def refuse(self, app_id: str) -> bool:
        self.asked.append(app_id)
        raise UnreachableError("nor its ApplicationMaster")


def test_end_is_tried_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_ends, "RETRY_INTERVAL", 0.05)
    cluster = _Cluster(UnreachableError("nobody"), MemoryError(), UnreachableError("nobody"))
    ends = Ends(cluster.end, cluster.refuse)
    with pytest.raises(YarnKernelError, match="nobody; it is tried again"):
        ends.see_to("application_1_0001", 0.0, 0.01)
    assert ends.see_to("application_1_0001", 0.0, 10.0) == "KILLED"
    assert cluster.done.is_set()
    assert len(cluster.asked) == 3
    wait_for(lambda: not ends._ends, 5, "it is forgotten")


def test_end_without_yarn_is_asked_of_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_ends, "RETRY_INTERVAL", 0.05)
    cluster = _Cluster(*[UnreachableError("nobody")] * 5)
    ends = Ends(cluster.end, cluster.ask_master)
    outcome = ends.see_to("application_1_0001", 0.0, 10.0)
    assert outcome == "its supervisor was asked to end, as its place does not answer"
    assert cluster.asked == ["application_1_0001"]
    ends.await_all(Deadline(10))
    assert cluster.done.is_set()


def test_end_of_what_yarn_has_forgotten() -> None:
    cluster = _Cluster(ApplicationNotFoundError("gone", app_id="application_1_0001"))
    ends = Ends(cluster.end, cluster.ask_master)
    assert ends.see_to("application_1_0001", 0.0, 10.0) == "is no longer known at its place"
