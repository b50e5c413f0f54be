"""A Jupyter server as a process of a user's, and what its REST interface tells."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import psutil
import requests

from tests.conftest import Shell, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Client:
    """Whoever has a Jupyter server's address and token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._requests = requests.Session()
        self._requests.headers["Authorization"] = f"token {token}"
        #: This client is on the server's machine; a proxy of the user's is not asked.
        self._requests.trust_env = False

    def said(self) -> str:
        """The server's log, where it is known."""
        return ""

    def ask(self, method: str, path: str, /, **body: Any) -> requests.Response:
        """Ask for something that may be refused."""
        return self._requests.request(method, self.url + path, json=body or None, timeout=120)

    def request(self, method: str, path: str, /, **body: Any) -> Any:
        response = self.ask(method, path, **body)
        assert response.ok, f"{method} {path}: {response.text}\n{self.said()}"
        return response.json() if response.content else None

    def error(self, method: str, path: str, /, **body: Any) -> str:
        """What the user reads of a request that fails, whose lines are broken for a dialog."""
        response = self.ask(method, path, **body)
        assert not response.ok
        return " ".join(response.json()["message"].split())

    def kernels(self) -> list[dict[str, Any]]:
        return list(self.request("GET", "api/kernels"))

    def close(self) -> None:
        self._requests.close()


class Server(Client):
    """A running Jupyter server."""

    def __init__(self, url: str, token: str, log: Path, pid: int) -> None:
        super().__init__(url, token)
        self.log = log
        self.process = psutil.Process(pid)

    def another(self) -> Server:
        """Another client of it, for another thread."""
        return Server(self.url, self.token, self.log, self.process.pid)

    def said(self) -> str:
        return self.log.read_text()


@contextlib.contextmanager
def serve(shell: Shell, directory: Path, application: str, *options: str) -> Iterator[Server]:
    """Run ``jupyter lab``, ``notebook`` or ``server`` on the notebooks of a directory."""
    token = uuid.uuid4().hex
    number = len(list(directory.parent.glob("server-*.log")))
    log = directory.parent / f"server-{number}.log"
    command = [
        "jupyter", application, "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={directory}", *options,
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            env=shell.environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        info = runtime_directory(shell) / f"jpserver-{process.pid}.json"

        def url() -> str | None:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(FileNotFoundError, ValueError):
                return str(json.loads(info.read_text())["url"])
            return None

        server = Server(
            wait_for(url, 60, f"jupyter {application} listens"), token, log, process.pid
        )

        def answers() -> bool:
            with contextlib.suppress(requests.ConnectionError):
                return bool(server.request("GET", "api/status"))
            return False

        wait_for(answers, 30, f"jupyter {application} answers")
        with contextlib.closing(server):
            yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        # pytest shows it with a test that failed.
        sys.stdout.write(log.read_text())


def runtime_directory(shell: Shell) -> Path:
    """Where Jupyter keeps connection files and what it knows of servers."""
    return shell.directory / ".local/share/jupyter/runtime"
