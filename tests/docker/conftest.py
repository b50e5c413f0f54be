"""Images that are built once, and the cluster of them that most tests share."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import wait_for
from tests.docker.building import build_arguments, import_base, maven_repository
from tests.docker.compose import KERBEROS, SOMEBODY, Compose, Gateway, write_token
from tests.docker.engine import NEEDED, Engine, running_engine
from tests.support.daemons import missing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    if reason := missing(*NEEDED):
        pytest.skip(reason)
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="package")
def images(engine: Engine) -> Engine:
    """A Docker that has all images."""
    import_base(engine)
    with maven_repository() as repository:
        compose = Compose(engine, "build", build_arguments(repository), KERBEROS)
        compose.run("build", timeout=800)
    return engine


@pytest.fixture(scope="package")
def compose(images: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """A cluster that runs; at its end nothing is left of it."""
    secrets = tmp_path_factory.mktemp("secrets")
    token = write_token(secrets / "token", uuid.uuid4().hex)
    variables = {
        "GATEWAY_USER": str(SOMEBODY), "GATEWAY_PORT": "8888", "GATEWAY_TOKEN_FILE": str(token),
    }  # fmt: skip
    compose = Compose(images, "plain", variables)
    yield from run_cluster(compose)


def run_cluster(compose: Compose) -> Iterator[Compose]:
    """Bring a cluster up, and take it down."""
    begin = time.monotonic()
    try:
        compose.run("up", "--detach", "--no-build", timeout=300)
        wait_for(lambda: compose.is_healthy("gateway"), 60, "the gateway is healthy")
        seconds = time.monotonic() - begin
        sys.stdout.write(f"healthy after {seconds:.1f} s\n{compose.run('ps')}\n")
        yield compose
    except BaseException:
        sys.stdout.write(compose.run("logs", "--no-color", "--tail", "50"))
        raise
    finally:
        compose.run("down", "--volumes", timeout=120)
    label = f"label=com.docker.compose.project={compose.project}"
    for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"]):
        assert compose.engine.docker(*kind, "--quiet", "--filter", label) == ""


@pytest.fixture(scope="package")
def gateway(compose: Compose) -> Iterator[Gateway]:
    gateway = Gateway(compose, Path(compose.variables["GATEWAY_TOKEN_FILE"]).read_text().strip())
    yield gateway
    gateway.close()
