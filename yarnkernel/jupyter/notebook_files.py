"""Lets a kernel reach its notebook's directory, where its kernelspec says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.file_request import TIMEOUT
from yarnkernel.jupyter.messages import CarryFile

if TYPE_CHECKING:
    from yarnkernel.jupyter.agent_client import AgentClient
    from yarnkernel.jupyter.messages import KernelNews

#: Seconds after which an agent that has not said what became of a file is taken for hung.
CARRY_TIMEOUT = 2 * TIMEOUT


class NotebookFiles:
    """What becomes of one kernel's requests.

    Parameters
    ----------
    directory : str, optional
        The notebook's. By default its requests are refused.
    """

    def __init__(self, directory: str = "") -> None:
        self.directory = directory
        self._last = ""

    def take(self, news: KernelNews, agent: AgentClient | None) -> None:
        """Let the agent carry what is wanted, once."""
        wanted = news.transfer.get("id", "")
        if not wanted or wanted == self._last or agent is None:
            return
        self._last = wanted
        agent.request(CarryFile(news.kernel, news.transfer, self.directory), CARRY_TIMEOUT)
