"""A notebook's kernel, as a front end uses it: cells, what they show, and Ctrl-C."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING, Any, cast

import psutil
from jupyter_client.manager import KernelManager

from tests.conftest import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Shell


@dataclass
class Shown:
    """What a cell has shown."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def text(self) -> str:
        """What can be read, in its order, without the bar, which a busy machine shows too."""
        found = []
        for content in self.outputs:
            if _is_bar(content):
                continue
            data = content.get("data", {})
            found.append(content.get("text") or data.get("text/html") or data.get("text/plain", ""))
        return "".join(f"{one}\n" if not one.endswith("\n") else one for one in found)

    @property
    def bar(self) -> str:
        """Who is not done."""
        return "".join(one["data"]["text/plain"] for one in self.outputs if _is_bar(one))

    def stream(self, name: str) -> str:
        """What was written to one stream."""
        return "".join(one["text"] for one in self.outputs if one.get("name") == name)


def _is_bar(content: dict[str, Any]) -> bool:
    shown_as = str(content.get("transient", {}).get("display_id"))
    return re.fullmatch("yarnkernel-[0-9a-f]{32}", shown_as) is not None


class Notebook:
    """A kernel of Python with the extension."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.process = psutil.Process(cast("Any", manager.provisioner).pid)
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        assert self.run("%load_ext yarnkernel").error == ""

    def run(
        self,
        code: str,
        *,
        answer: str | None = None,
        meanwhile: Callable[[Shown], object] = lambda _: None,
        timeout: float = 60 * PATIENCE,
    ) -> Shown:
        """Run a cell to its end; ``meanwhile`` is called whenever it shows something."""
        shown = Shown()
        request = self.client.execute(code, allow_stdin=answer is not None)
        end, idle, reply = time.monotonic() + timeout, False, None
        while reply is None or not idle:
            assert time.monotonic() < end, f"{code}\n{shown}"
            with contextlib.suppress(Empty):
                message = self.client.get_iopub_msg(timeout=0.1)
                if message["parent_header"].get("msg_id") == request:
                    idle = idle or message["content"].get("execution_state") == "idle"
                    self._take(message, shown)
                    meanwhile(shown)
            with contextlib.suppress(Empty):
                reply = reply or self.client.get_shell_msg(timeout=0)
            if answer is not None and self.client.stdin_channel.msg_ready():
                shown.outputs.append(
                    {"text": self.client.get_stdin_msg(timeout=1)["content"]["prompt"]}
                )
                self.client.input(answer)
        return shown

    @staticmethod
    def _take(message: dict[str, Any], shown: Shown) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            shown.error = "\n".join(content["traceback"])
        elif kind == "update_display_data":
            own = content["transient"]["display_id"]
            for old in shown.outputs:
                if old.get("transient", {}).get("display_id") == own:
                    old["data"] = content["data"]
        elif kind in ("stream", "display_data", "execute_result"):
            last = shown.outputs[-1] if shown.outputs else {}
            if kind == "stream" and last.get("name") == content["name"]:
                last["text"] += content["text"]
            else:
                shown.outputs.append(dict(content))

    def agents(self) -> list[psutil.Process]:
        """Who sees to its kernels, and ends them with it."""
        found = self.process.children(recursive=True)
        return [one for one in found if "yarnkernel.jupyter.agent" in one.cmdline()]

    def value(self, code: str) -> str:
        """The value of an expression, as text."""
        shown = self.run(code)
        assert shown.error == "", shown.error
        return shown.outputs[-1]["data"]["text/plain"] if shown.outputs else ""


@contextlib.contextmanager
def open_notebook(shell: Shell) -> Iterator[Notebook]:
    """Start the kernel of a notebook of this user's, in his home."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=shell.environment, cwd=str(shell.directory))
    agents: list[psutil.Process] = []
    try:
        notebook = Notebook(manager)
        yield notebook
        agents = notebook.agents()
        notebook.client.stop_channels()
    finally:
        manager.shutdown_kernel()
        manager.context.destroy(linger=0)
        assert not psutil.wait_procs(agents, 60)[1]
