"""Spyder's kernel on YARN, and what Spyder's variable explorer asks it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import REPOSITORY, Shell
from tests.kernels import Kernel, write_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCRIPT = (
    "exec python -m yarnkernel.recipe"
    " --IPKernelApp.kernel_class=spyder_kernels.console.kernel.SpyderKernel"
)


@pytest.fixture(scope="module")
def spyder_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its own environment: spyder-kernels wants an older ipykernel than the tests have."""
    prefix = tmp_path_factory.mktemp("spyder") / "environment"
    pip = [f"{prefix}/bin/python", "-m", "pip", "--disable-pip-version-check", "install"]
    packages = [str(REPOSITORY), "spyder-kernels>=3.1,<3.2"]
    for command in (
        [sys.executable, "-m", "venv", str(prefix)],
        [*pip, "--quiet", "--no-compile", *packages],
    ):
        subprocess.run(command, check=True, timeout=170)
    return prefix


class SpyderComm:
    """The comm by which Spyder calls functions in its kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.client = kernel.client
        self.comm_id = uuid.uuid4().hex
        self._send("comm_open", {}, target_name="spyder_api")

    def _send(self, message_type: str, data: dict[str, Any], **content: str) -> None:
        content["comm_id"] = self.comm_id
        message = self.client.session.msg(message_type, {**content, "data": data})
        self.client.shell_channel.send(message)

    def call(self, name: str, *arguments: Any) -> Any:
        call_id = uuid.uuid4().hex
        call = {
            "call_name": name, "call_id": call_id, "call_args": arguments, "call_kwargs": {},
            "settings": {"blocking": True, "send_reply": True},
            "buffered_args": [], "buffered_kwargs": [],
        }  # fmt: skip
        self._send("comm_msg", {"spyder_msg_type": "remote_call", "content": call})
        while True:
            message = self.client.get_iopub_msg(timeout=20)
            reply = message["content"].get("data", {})
            content = reply.get("content", {})
            if content.get("call_id") == call_id:
                assert reply["spyder_msg_type"] == "remote_call_reply"
                assert not content["is_error"], content
                return content["call_return_value"]


def test_spyder(
    shell: Shell,
    spyder_environment: Path,
    tmp_path: Path,
    stop_later: Callable[[str], str],
) -> None:
    path = tmp_path / "kernel.json"
    spec = write_spec(tmp_path, SCRIPT, resources="{memory: 1324 MiB, vcores: 1}")
    started = shell.yarnkernel("start", spec, "--environment", spyder_environment, "-f", path)
    stop_later(started.ok().out)
    with Kernel(json.loads(path.read_text())) as kernel:
        assert "SpyderKernel" in kernel.run("get_ipython().kernel")
        kernel.run("value = 42")
        comm = SpyderComm(kernel)
        assert comm.call("get_value", "value") == 42
