"""The cluster with Kerberos, and nodes from an image of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docker.compose import KERBEROS, Compose, Gateway
from tests.docker.conftest import run_cluster
from tests.docker.test_environments import ANSWER, CODE, documented, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docker.engine import Engine

pytestmark = pytest.mark.timeout(900)
#: Instead of the keytab that the gateway has.
WITHOUT_KEYTAB = ("env", "KRB5KEYTAB=", "KRB5PRINCIPAL=")


@pytest.fixture(scope="module")
def secure(
    images: Engine, compose: Compose, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    directory: Path = tmp_path_factory.mktemp("own-image")
    (directory / "Dockerfile").write_text(documented("dockerfile", "FROM yarnkernel-hadoop"))
    images.docker("build", "--network", "host", "--tag", "own", str(directory))
    variables = {**compose.variables, "GATEWAY_PORT": "8889", "HADOOP_IMAGE": "own"}
    yield from run_cluster(Compose(images, "secure", variables, KERBEROS))


def test_kernel(secure: Compose, gateway: Gateway) -> None:
    """A kernel of a user with a keytab, on a node that has the package."""
    secured = Gateway(secure, gateway.token)
    assert run(secured, "yarn", CODE) == ANSWER
    secured.close()


def test_ticket(secure: Compose) -> None:
    """Nobody without a ticket; one that is mounted will do."""
    nobody = secure.try_to_exec("gateway", *WITHOUT_KEYTAB, "yarnkernel", "list")
    assert nobody.returncode == 1
    assert "Kerberos: there is no ticket" in nobody.stderr
    mounted = "/var/lib/keytabs/user"
    secure.exec(
        "kdc", "kinit", "-kt", f"{mounted}/user.keytab", "-c", f"{mounted}/ticket", "yarnkernel"
    )
    secure.exec("kdc", "chmod", "0640", f"{mounted}/ticket")
    ticket = "KRB5CCNAME=FILE:/var/lib/keytabs/ticket"
    somebody = secure.try_to_exec("gateway", *WITHOUT_KEYTAB, ticket, "yarnkernel", "list", "--ids")
    assert somebody.returncode == 0, somebody.stderr
