"""A package that no image has, imported by the editor's kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import REPOSITORY
from tests.jupyter.front_ends.channels import Channels
from tests.support.documents import code_blocks

if TYPE_CHECKING:
    from tests.docker.compose import Compose, Gateway

pytestmark = pytest.mark.timeout(900)
#: A small package that needs no others, which docs/docker.rst installs.
CODE, ANSWER = "import humanize; humanize.intcomma(1234567)", "'1,234,567'"
#: Two thirds of the files, of which the nodes take 4 ms for each: hints of types, time zones.
LESS = "cd ~/custom/lib/python3*/site-packages && rm -rf jedi/third_party tzdata/zoneinfo debugpy*"


def documented(language: str, beginning: str) -> str:
    """What docs/docker.rst tells to type."""
    blocks = code_blocks(REPOSITORY / "docs" / "docker.rst", language)
    (found,) = (block for block in blocks if block.startswith(beginning))
    return found


def run(gateway: Gateway, name: str, code: str) -> str:
    """What a new kernel says to a cell."""
    kernel_id = gateway.start(name)
    with Channels(gateway, kernel_id) as channels:
        said = channels.run(code)
    gateway.end(kernel_id)
    return said


def test_environment_that_travels(gateway: Gateway, compose: Compose) -> None:
    make = documented("sh", "python3 -m venv").replace("\nyarnkernel", f"\n{LESS}\nyarnkernel")
    compose.exec("gateway", "sh", "-ec", make, timeout=400)
    assert run(gateway, "custom", CODE) == ANSWER
    assert run(gateway, "yarn", CODE) == "ModuleNotFoundError"
