"""A user of the session's cluster whose site files lie elsewhere, as on an edge node."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Shell


@pytest.fixture(scope="session")
def edge_node(
    user_shell: Shell, cluster: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Shell:
    """See the module: its Hadoop is not known to be ours, and none is on ``PATH``."""
    assert cluster["running"]
    environment = user_shell.yarnkernel("cluster", "env", "--json").ok().document
    conf: Path = tmp_path_factory.mktemp("edge node") / "conf"
    shutil.copytree(environment["HADOOP_CONF_DIR"], conf)
    return user_shell.using(HADOOP_CONF_DIR=str(conf))
