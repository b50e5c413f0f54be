"""A cluster of containers, started and asked as its user does."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.conftest import REPOSITORY
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Client

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

    from tests.docker.engine import Engine

#: Options of a cluster with Kerberos.
KERBEROS = ("--env-file", str(REPOSITORY / "docker" / "kerberos.env"))
#: Where a kernel runs, and how many of them one node cannot take.
HOST, MANY = "import socket; socket.gethostname()", 4
#: A user id without an account, here and in the images.
SOMEBODY = 54321


def write_token(path: Path, token: str) -> Path:
    """A file that only the gateway's user may read, with a line's end as editors leave it."""
    path.write_text(f"{token}\r\n")
    path.chmod(0o600)
    os.chown(path, SOMEBODY, SOMEBODY)
    return path


@dataclass(frozen=True)
class Compose:
    """One project of ``docker/compose.yaml``."""

    engine: Engine
    project: str
    variables: dict[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()

    def run(self, *arguments: str, timeout: float = 180) -> str:
        return self.engine.run(*self._command(arguments), timeout=timeout, variables=self.variables)

    def exec(self, service: str, *command: str, timeout: float = 120) -> str:
        return self.engine.docker("exec", self.container(service), *command, timeout=timeout)

    def try_to_exec(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        return self.engine.try_to("docker", "exec", self.container(service), *command)

    def yarnkernel(self, *arguments: str) -> str:
        return self.exec("gateway", "yarnkernel", *arguments)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        file = REPOSITORY / "docker" / "compose.yaml"
        return ["docker-compose", "--project-name", self.project, "--file", str(file),
                *self.options, *arguments]  # fmt: skip

    def container(self, service: str) -> str:
        """Its id, found as docker-compose finds it, which takes seven times as long to start."""
        labels = {"project": self.project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        return self.engine.docker("ps", "--all", "--quiet", *filters)

    def state(self, service: str) -> dict[str, Any]:
        shown = self.engine.docker(
            "inspect", "--format", "{{json .State}}", self.container(service)
        )
        return dict(json.loads(shown))

    def is_healthy(self, service: str) -> bool:
        return bool(self.state(service).get("Health", {}).get("Status") == "healthy")

    def log(self, service: str) -> str:
        container = self.container(service)
        ended = self.engine.try_to("docker", "logs", container)
        return ended.stdout + ended.stderr

    def applications(self) -> list[str]:
        """The user's applications that run."""
        return self.yarnkernel("list", "--quiet", "--ids").split()


class Gateway(Client):
    """The gateway of a project, as an editor knows it."""

    def __init__(self, compose: Compose, token: str) -> None:
        super().__init__(f"http://127.0.0.1:{compose.variables['GATEWAY_PORT']}/", token)
        self.compose = compose

    def said(self) -> str:
        return self.compose.log("gateway")

    def start(self, name: str = "yarn") -> str:
        """Start a kernel as editors do, and return its id."""
        return str(self.request("POST", "api/kernels", name=name)["id"])

    def end(self, kernel_id: str) -> None:
        self.request("DELETE", f"api/kernels/{kernel_id}")

    def start_on_both_nodes(self) -> dict[str, str]:
        """Start kernels until each node has one; their ids by the node's name."""
        on: dict[str, str] = {}
        too_many = []
        for _ in range(MANY):
            kernel_id = self.start()
            with Channels(self, kernel_id) as channels:
                node = channels.run(HOST)
            if on.setdefault(node.strip("'"), kernel_id) != kernel_id:
                too_many.append(kernel_id)
            if len(on) == 2:
                break
        for kernel_id in too_many:
            self.end(kernel_id)
        assert on.keys() == {"node1", "node2"}
        return on
