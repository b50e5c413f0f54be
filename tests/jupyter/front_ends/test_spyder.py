"""Spyder's kernel on YARN, and what Spyder's variable explorer asks it."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import REPOSITORY, Shell, make_venv, wait_for
from tests.support.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

SPYDER_KERNEL = "spyder_kernels.console.kernel.SpyderKernel"


@pytest.fixture(scope="module")
def spyder_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its own environment: spyder-kernels wants an older ipykernel than the tests have."""
    prefix = tmp_path_factory.mktemp("spyder") / "environment"
    make_venv(prefix, str(REPOSITORY), "spyder-kernels>=3.1,<3.2")
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


@pytest.fixture
def spyder_kernel(jupyter: Shell, spyder_environment: Path, tmp_path: Path) -> Iterator[Path]:
    """The connection file of a kernel that ``jupyter kernel`` keeps, as for Spyder's dialog."""
    kernel_class = "--launch-arg=--IPKernelApp.kernel_class=" + SPYDER_KERNEL
    options = ("--name", "spyder", "--environment", str(spyder_environment), kernel_class)
    jupyter.yarnkernel("kernelspec", "add", *options).ok()
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["jupyter", "kernel", "--kernel", "spyder"],
            env=jupyter.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def connection_file() -> Path | None:
        assert process.poll() is None, log.read_text()
        found = re.search(r"Connection file: (.*)", log.read_text())
        return Path(found[1]) if found else None

    try:
        yield wait_for(connection_file, 60, "jupyter kernel has started a kernel")
    finally:
        process.terminate()
        process.wait(60)


def test_spyder(spyder_kernel: Path) -> None:
    with Kernel(json.loads(spyder_kernel.read_text())) as kernel:
        assert "SpyderKernel" in kernel.run("get_ipython().kernel")
        kernel.run("value = 42")
        assert SpyderComm(kernel).call("get_value", "value") == 42
