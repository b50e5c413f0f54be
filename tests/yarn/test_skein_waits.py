"""Waits for skein's driver, which others use or which does not answer, are given up at once."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
import skein

from yarnkernel.cluster.find import ClusterEnvironment
from yarnkernel.deadline import Deadline
from yarnkernel.errors import ClusterError
from yarnkernel.store.remote_error import RemoteError
from yarnkernel.store.rpc import close_channel, open_channel, result, start_call
from yarnkernel.yarn.skein_driver import SharedDriver


def soon(deadline: Deadline) -> Deadline:
    threading.Timer(0.3, deadline.cut_short).start()
    return deadline


def test_driver_that_others_use() -> None:
    driver = SharedDriver(ClusterEnvironment("a cluster", {}, Path()))
    begin = time.monotonic()
    with driver._lock:
        with (
            pytest.raises(ClusterError, match="skein's driver was busy with others"),
            driver.use(soon(Deadline(60))),
        ):
            pass
        driver.close(0.1)  # left to its end with this process
    assert time.monotonic() - begin < 5


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        channel = open_channel(address, skein.Security.new_credentials())
        begin = time.monotonic()
        future = start_call(skein.proto.DriverStub(channel), "ping", skein.proto.Empty(), 60)
        with pytest.raises(RemoteError, match="no answer within 60 s"):
            result(future, soon(Deadline(60)))
        assert time.monotonic() - begin < 5
        close_channel(channel)
