"""What a test that fails leaves behind on the shared cluster is ended, and nothing else."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from tests.conftest import finish
from tests.support.kernels import active, write_spec
from tests.support.resource_manager import end_what_began

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell


def test_what_is_older_stays(
    shell: Shell, cluster: dict[str, Any], tmp_path: Path, stop_later: Callable[[str], str]
) -> None:
    submit = ("submit", write_spec(tmp_path, "exec sleep 600"))
    of_others = stop_later(shell.yarnkernel(*submit).ok().out)
    time.sleep(0.1)
    since = time.time()
    shell.yarnkernel(*submit).ok()
    waiting = shell.start("yarnkernel", "connect", of_others)
    end_what_began(cluster["web"], since)
    assert active(shell) == [of_others]
    finish(waiting)
    assert waiting.returncode == -signal.SIGKILL
