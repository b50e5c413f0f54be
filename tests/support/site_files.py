"""Site files of a cluster that say something else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Shell


def with_setting(shell: Shell, name: str, value: str, directory: Path) -> Shell:
    """A user whose site files have another value of a setting that is in them."""
    conf = Path(shutil.copytree(shell.environment["HADOOP_CONF_DIR"], directory / "conf"))
    pattern = rf"(<name>{re.escape(name)}</name>\s*<value>)[^<]*"
    changes = 0
    for site in conf.glob("*-site.xml"):
        text, count = re.subn(pattern, rf"\g<1>{value}", site.read_text())
        site.write_text(text)
        changes += count
    assert changes == 1
    return shell.using(HADOOP_CONF_DIR=str(conf))
