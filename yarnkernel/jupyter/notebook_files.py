"""Gives a kernel access to its notebook's directory, if its kernelspec allows that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.file_request import TIMEOUT
from yarnkernel.jupyter.messages import CarryFile

if TYPE_CHECKING:
    from yarnkernel.jupyter.agent_client import AgentClient
    from yarnkernel.jupyter.messages import KernelNews

#: Seconds after which an agent that has not answered about a file is considered hung.
CARRY_TIMEOUT = 2 * TIMEOUT


class NotebookFiles:
    """Handles one kernel's requests.

    Parameters
    ----------
    directory : str, optional
        The notebook's directory. By default requests are refused.
    """

    def __init__(self, directory: str = "") -> None:
        self.directory = directory
        self._last = ""

    def take(self, news: KernelNews, agent: AgentClient | None) -> None:
        """Let the agent transfer the requested file, once."""
        wanted = news.transfer.get("id", "")
        if not wanted or wanted == self._last or agent is None:
            return
        self._last = wanted
        agent.request(CarryFile(news.kernel, news.transfer, self.directory), CARRY_TIMEOUT)
