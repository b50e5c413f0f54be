"""skein's own tests of the key-value store (test_kv.py of skein 0.8.2) run on our server.

Their application has a service ``sleeper``, whose containers own keys. A kernel's application has
none, so the server gets some here that exist in its books alone; all else, from gRPC with TLS to
skein's client, is what runs in a container.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import skein
from skein.core import ApplicationClient

from yarnkernel.container.app_master_server import AppMasterServer
from yarnkernel.container.identity import Identity
from yarnkernel.container.skein_messages import messages

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "sleeper"


class ServerWithContainers(AppMasterServer):
    """A server whose application has containers.

    Attributes
    ----------
    states : list of str
        Of the containers, by their instances.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.states = ["RUNNING"]

    def check_container(self, container: Any) -> str:
        if container.service_name != SERVICE:
            return super().check_container(container)
        if container.instance >= len(self.states):
            return f"Service '{SERVICE}' has no container instance {container.instance}"
        if self.states[container.instance] != "RUNNING":
            return f"Container '{SERVICE}_{container.instance}' has already completed"
        return ""

    def _container(self, instance: int) -> Any:
        return messages.Container(
            service_name=SERVICE, instance=instance, state=self.states[instance]
        )

    def _running(self) -> list[int]:
        return [i for i, state in enumerate(self.states) if state == "RUNNING"]

    def _kill(self, instance: int) -> None:
        self.states[instance] = "KILLED"
        self.store.disown(messages.ContainerInstance(service_name=SERVICE, instance=instance))

    async def getContainers(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return messages.ContainersResponse(containers=map(self._container, self._running()))

    async def killContainer(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self._kill(request.instance)
        return messages.Empty()

    async def scale(self, request: Any, _context: Any) -> Any:
        for instance in self._running()[request.count :]:
            self._kill(instance)
        self.states += ["RUNNING"] * (request.count - len(self._running()))
        return messages.ContainersResponse(containers=map(self._container, self._running()))


class ServerThread:
    """A server in an event loop of its own, until a client shuts it down."""

    def __init__(self, security: skein.Security) -> None:
        self._security = security
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(20)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        certificate, key = (self._security._get_bytes(kind) for kind in ("cert", "key"))
        server = ServerWithContainers(
            Identity(certificate, key, certificate),
            messages.ApplicationSpec(),
            lambda *_: self._ended.set(),
        )
        await server.start("127.0.0.1")
        self.address = f"localhost:{server.port}"
        self._started.set()
        await self._ended.wait()
        await server.stop()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """skein's client uses what Python 3.12 calls deprecated."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="session")
def client() -> skein.Security:
    """What ``run_application`` gets: the credentials of servers and clients."""
    return skein.Security.new_credentials()


@contextlib.contextmanager
def run_application(client: skein.Security) -> Iterator[ApplicationClient]:
    thread = ServerThread(client)
    try:
        yield ApplicationClient(thread.address, "application_1_0001", security=client)
    finally:
        thread.stop()


# skein's wheel comes without its tests, which their own helpers belong to.
_helpers = types.ModuleType("skein.test.conftest")
vars(_helpers)["run_application"] = run_application
sys.modules.setdefault("skein.test", types.ModuleType("skein.test"))
sys.modules["skein.test.conftest"] = _helpers
