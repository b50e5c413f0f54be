"""Pairs of ResourceManagers, of which one, none or the other is active."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.support.rpc_server import Server, answer, resource_manager, standby
from yarnkernel.errors import RpcTimeoutError, UnreachableError
from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.yarn.direct_way import reason_against
from yarnkernel.yarn.spec import default_spec, load_spec


def test_what_clients_alone_need() -> None:
    """Where ApplicationMasters find a ResourceManager is not made up."""
    address = {"yarn.resourcemanager.address": "rm.example.com:8032"}
    pair = {"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "rm1"}
    ours = {"yarn.resourcemanager.address.rm1": "rm.example.com:8032"}
    spec = load_spec(default_spec())
    for settings, setting in ((address, ""), (pair | ours, ".rm1")):
        against = reason_against(spec, Configuration(settings, "site files"))
        assert f"yarn.resourcemanager.scheduler.address{setting} is not set" in against
    host = {"yarn.resourcemanager.hostname": "rm.example.com"}
    for settings in ({}, address | host):
        assert not reason_against(spec, Configuration(settings, "site files"))


def test_pair_with_one_in_standby() -> None:
    with Server(standby) as first, Server() as second:
        manager = resource_manager(first, second)
        for _ in range(3):
            assert manager.cluster_metrics(5).num_node_managers == 7
        assert first.connections == 1, "the active one is remembered"
        manager.close()


def test_failover() -> None:
    """The active one goes, the other is in standby for a while."""
    with Server() as first, Server(standby) as second:
        manager = resource_manager(first, second)
        assert manager.cluster_metrics(5).num_node_managers == 7
        first.__exit__()
        calls: list[int] = []

        def reply(call_id: int) -> bytes:
            calls.append(call_id)
            return answer(call_id, nodes=2) if len(calls) > 3 else standby(call_id)

        second.reply = reply
        assert manager.cluster_metrics(10).num_node_managers == 2
        manager.close()


def test_pair_with_one_that_hangs() -> None:
    with Server(lambda _: b"") as first, Server() as second:
        manager = resource_manager(first, second)
        assert manager.cluster_metrics(2).num_node_managers == 7
        manager.close()


def test_nobody_is_there() -> None:
    with Server() as server:
        manager = resource_manager(server)
    begin = time.monotonic()
    with pytest.raises(UnreachableError, match="refused"):
        manager.cluster_metrics(20)
    assert time.monotonic() - begin < 5, "who has never been there is not waited for"


def test_pair_that_may_be_changing_places() -> None:
    """One in standby does not listen: that both refuse does not tell that none will take over."""
    with Server() as first, Server() as second:
        manager = resource_manager(first, second)
    with pytest.raises(RpcTimeoutError, match=r"refused; .* refused.* \(tried for 1 s\)"):
        manager.cluster_metrics(1)


def test_both_in_standby() -> None:
    with Server(standby) as first, Server(standby) as second:
        manager = resource_manager(first, second)
        with pytest.raises(RpcTimeoutError, match=r"is in standby; .* \(tried for 1 s\)"):
            manager.cluster_metrics(1)
        manager.close()


def test_restart() -> None:
    """Who has been there is waited for."""
    with Server() as server:
        manager = resource_manager(server)
        assert manager.cluster_metrics(5).num_node_managers == 7
    opened = threading.Event()

    def come_back() -> None:
        opened.wait(0.5)
        listener = socket.create_server(server.address)
        server.listener = listener
        server._accept()

    threading.Thread(target=come_back, daemon=True).start()
    assert manager.cluster_metrics(10).num_node_managers == 7
    manager.close()
    server.__exit__()
