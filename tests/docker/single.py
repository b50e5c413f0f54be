"""A gateway by itself, as ``docker run`` starts one: any user id, a root that is read only."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import requests

from tests.conftest import wait_for
from tests.docker.compose import SOMEBODY
from tests.jupyter.front_ends.servers import Client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.docker.engine import Engine

#: Where a file with a token is in the container.
MOUNTED = "/run/token"
_PORTS = itertools.count(9000)


class Single(Client):
    """One container of the gateway's image."""

    def __init__(self, engine: Engine, container: str, port: int, token: str) -> None:
        super().__init__(f"http://127.0.0.1:{port}/", token)
        self.engine = engine
        self.container = container

    def said(self) -> str:
        ended = self.engine.try_to("docker", "logs", self.container)
        return ended.stdout + ended.stderr

    def answers(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return self.ask("GET", "api").ok
        return False


def run_arguments(*options: str) -> list[str]:
    """What ``docker run`` gets in any case."""
    return ["run", "--read-only", "--mount", "type=tmpfs,target=/tmp", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", str(SOMEBODY),
            *options, "yarnkernel-gateway"]  # fmt: skip


@contextlib.contextmanager
def run_gateway(
    engine: Engine, token: str, *arguments: str, options: Sequence[str] = ()
) -> Iterator[Single]:
    """Run a gateway; ``options`` are the server's."""
    port = next(_PORTS)
    publish = ("--detach", "--publish", f"127.0.0.1:{port}:8888")
    container = engine.docker(*run_arguments(*publish, *arguments), *options)
    gateway = Single(engine, container, port, token)
    try:
        wait_for(gateway.answers, 30, "the gateway answers")
        yield gateway
    finally:
        gateway.close()
        engine.docker("rm", "--force", "--volumes", container)
