"""A kernel's client, and specifications for kernels that go wrong."""

from __future__ import annotations

import json
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.blocking.client import BlockingKernelClient

from tests.conftest import Shell, wait_for
from tests.support.resource_manager import ACTIVE, ENDED, ask, has_ended

if TYPE_CHECKING:
    from typing_extensions import Self


RECIPE = "exec python -m yarnkernel.recipe"
#: A kernel that takes longer to start than anybody waits.
NEVER = (
    f"echo I never publish\n{RECIPE} --start-timeout 600"
    " -- sh -c 'exec sleep 600' {connection_file}"
)


def wait_until_ready(client: BlockingKernelClient, timeout: float = 60) -> None:
    """Wait for a kernel, which its client takes for dead when its heartbeat is late.

    On a busy machine it may be.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            client.wait_for_ready(timeout=max(end - time.monotonic(), 1))
        except RuntimeError:
            if time.monotonic() > end:
                raise
        else:
            return


class Kernel:
    """A client of a kernel, as any other front end."""

    def __init__(self, info: dict[str, Any], timeout: float = 60) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_info(cast("Any", info))
        self.client.start_channels()
        try:
            self.wait(timeout)
        except BaseException:
            self.client.stop_channels()
            raise

    def wait(self, timeout: float = 60) -> None:
        """Wait until all channels are connected, again after a restart."""
        wait_until_ready(self.client, timeout)

    def state_of(self, request: str) -> str:
        """Wait for the next change of state that a request makes."""
        return str(self.next_message("status", request)["content"]["execution_state"])

    def next_message(self, kind: str, request: str) -> dict[str, Any]:
        """Wait for the next message of a kind that a request makes the kernel tell everybody."""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == request and message["msg_type"] == kind:
                return message

    def run(self, code: str, timeout: float = 60) -> str:
        shown = []

        def show(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        self.client.execute_interactive(code, output_hook=show, timeout=timeout)
        return "".join(shown)

    def shut_down(self) -> None:
        self.client.shutdown(reply=True, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()


def start_kernel(shell: Shell, spec: Path) -> tuple[str, dict[str, Any]]:
    """Start a kernel and return its application's id and its connection info."""
    document = shell.yarnkernel("start", spec, "--json").ok().document
    info = json.loads(Path(document["connection_file"]).read_text())
    return document["id"], info


def ended(shell: Shell, app_id: str) -> dict[str, Any] | None:
    """The status of an application that has ended, else None."""
    if not has_ended(shell, app_id):
        return None
    status: dict[str, Any] = shell.yarnkernel("status", app_id, "--json").ok().document
    return status if status["state"] in ENDED else None


def final_status(shell: Shell, app_id: str) -> str:
    status = wait_for(lambda: ended(shell, app_id), 30, f"{app_id} has ended")
    assert status["state"] == "FINISHED", status
    return str(status["final_status"])


def run_kernel(shell: Shell, app_id: str, code: str) -> str:
    """Run code in a kernel, and shut it down."""
    with Kernel(shell.yarnkernel("connect", app_id).ok().document) as kernel:
        shown = kernel.run(code)
        kernel.shut_down()
    assert final_status(shell, app_id) == "SUCCEEDED"
    return shown.strip()


def write_spec(directory: Path, script: str, **fields: str) -> Path:
    """Write the specification of an application with this master.script."""
    resources = fields.pop("resources", "{memory: 512 MiB, vcores: 1}")
    extra = "".join(f"{name}: {value}\n" for name, value in fields.items())
    path = directory / "spec.yaml"
    path.write_text(
        f"""\
name: test
{extra}acls: {{enable: true}}
master:
  resources: {resources}
  env: {{JDK_JAVA_OPTIONS: "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"}}
  script: |
{textwrap.indent(script, "    ")}
"""
    )
    return path


def active(shell: Shell) -> list[str]:
    (status,) = shell.yarnkernel("cluster", "status", "--json").ok().document
    return [app["id"] for app in status["applications"]]


def wait_until_none_is_active(shell: Shell) -> None:
    def none_is() -> bool:
        answer = ask(shell, ACTIVE)
        return not (active(shell) if answer is None else answer["apps"])

    wait_for(none_is, 20, "no application is active")
