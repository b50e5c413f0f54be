"""Who may come in: by a token of a file or a variable, or one of the gateway's own."""

from __future__ import annotations

import json
import sys
import uuid
from typing import TYPE_CHECKING

import pytest
import websocket

from tests.conftest import wait_for
from tests.docker.compose import SOMEBODY, write_token
from tests.docker.single import MOUNTED, run_arguments, run_gateway
from tests.jupyter.front_ends.channels import Channels
from tests.jupyter.front_ends.servers import Client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docker.compose import Compose, Gateway
    from tests.docker.engine import Engine

pytestmark = pytest.mark.timeout(900)
ADA, BOB = "token-of-ada", "token-of-bob"
OWN = "/home/yarnkernel/.gateway-token"


def test_two_users(images: Engine, tmp_path: Path) -> None:
    """A token opens the gateway that it was given to, stripped, and no other one."""
    file = write_token(tmp_path / "token", ADA)
    mount = ("--volume", f"{file}:{MOUNTED}:ro", "--env", f"JUPYTER_TOKEN_FILE={MOUNTED}")
    # Without the group that owns the home there is none.
    alone = ("--user", f"{SOMEBODY}:{SOMEBODY}", "--env", f"JUPYTER_TOKEN= {BOB}\n")
    with (
        run_gateway(images, ADA, *mount) as ada,
        run_gateway(images, BOB, *alone) as bob,
    ):
        for own, others in ((ada, bob), (bob, ada)):
            assert own.kernels() == []
            for token in (others.token, "", f"{own.token}\n".encode().hex(), own.token[:-1]):
                assert status(own.url, token) == 403
        assert "all is kept in /tmp/home-" in bob.said()
        for gateway in (ada, bob):
            assert gateway.token not in gateway.said()


def status(url: str, token: str) -> int:
    """What somebody with a token, or without, gets to hear."""
    client = Client(url, token)
    if not token:
        del client._requests.headers["Authorization"]
    answers = {
        client.ask("GET", "api/kernels").status_code,
        client.ask("POST", "api/kernels", name="yarn").status_code,
    }
    client.close()
    channels = f"{url.replace('http', 'ws', 1)}api/kernels/{uuid.uuid4()}/channels"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(channels, header={"Authorization": f"token {token}"})
    answers.add(refused.value.status_code)
    assert len(answers) == 1, answers
    return answers.pop()


def test_own_token(images: Engine) -> None:
    """Where none is given, the gateway makes one, keeps it, and tells nobody but its user."""
    home = ("--volume", "own:/home/yarnkernel", "--volume", "/dev/null:/run/secrets/gateway_token")
    tokens = set()
    for _ in range(2):
        with run_gateway(images, "", *home) as gateway:
            inside = ("exec", gateway.container)
            token = images.docker(*inside, "cat", OWN)
            assert images.docker(*inside, "stat", "--format", "%a", OWN) == "600"
            assert f"no token is given: that in {OWN} counts" in gateway.said()
            assert token not in gateway.said()
            assert status(gateway.url, "") == 403
            client = Client(gateway.url, token)
            assert client.kernels() == []
            client.close()
            tokens.add(token)
    assert len(tokens.pop()) == 64
    assert not tokens
    images.docker("volume", "rm", "own")


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"ada\n", 0o400, "Permission denied"),
        (b"\xff\xfe", 0o644, "can't decode byte"),
        (b" \n", 0o644, f"there is no token in {MOUNTED}"),
        (None, 0o755, "Is a directory"),
    ],
)
def test_file_without_token(
    images: Engine, tmp_path: Path, content: bytes | None, mode: int, reason: str
) -> None:
    """One line, exit code 2, and nobody gets in."""
    file = tmp_path / "token"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    file.chmod(mode)
    mount = ("--rm", "--volume", f"{file}:{MOUNTED}:ro", "--env", f"JUPYTER_TOKEN_FILE={MOUNTED}")
    ended = images.try_to("docker", *run_arguments(*mount))
    assert ended.returncode == 2
    assert reason in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_token_is_nowhere_else(gateway: Gateway, compose: Compose) -> None:
    """Not in what Docker tells of container and image, nor in a log, a process list, a kernel."""
    engine, container = compose.engine, compose.container("gateway")
    kernel_id = gateway.start()
    with Channels(gateway, kernel_id) as channels:
        told = [channels.run("import os; print(dict(os.environ))")]
    gateway.end(kernel_id)
    told += [
        compose.log("gateway"),
        engine.docker("inspect", container),
        engine.docker("inspect", "yarnkernel-gateway"),
        engine.docker("history", "--no-trunc", "yarnkernel-gateway"),
        engine.docker("top", container, "-o", "pid,args"),
        compose.run("config"),
        *(compose.log(service) for service in ("resourcemanager", "node1", "node2")),
    ]
    assert all(told)
    assert not [text for text in told if gateway.token in text]
    wait_for(lambda: gateway.kernels() == [], 30, "the kernel has ended")


def test_images(images: Engine) -> None:
    """No root, tini first, and layers that are there once."""
    layers = {}
    for name in ("gateway", "hadoop", "kdc"):
        (image,) = json.loads(images.docker("inspect", f"yarnkernel-{name}"))
        assert image["Config"]["User"] == "1000:0"
        assert image["Config"]["Entrypoint"][0] == "tini"
        layers[name] = image["RootFS"]["Layers"]
        assert image["Size"] < 900e6
        sys.stdout.write(f"{name}: {image['Size'] / 1e6:.0f} MB\n")
    shared = set.intersection(*map(set, layers.values()))
    assert len(shared) >= 9
