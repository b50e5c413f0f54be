"""Where a target comes from: a kernelspec, of which it is started, or a kernel that runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yarnkernel.connection import AUTO, NEVER
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.kernelspec import find_installed
from yarnkernel.jupyter.kernelspec_start import start_values
from yarnkernel.jupyter.peers.find import tool_of
from yarnkernel.kernels.interfaces import LOCAL
from yarnkernel.kernels.options import LaunchOptions
from yarnkernel.kernels.session import ENCRYPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Origin:
    """Where a target comes from.

    Attributes
    ----------
    kernelspec : str
        The name of the kernelspec that it is started of; empty for one that runs.
    kernel : str
        The id of one that runs.
    options : dict
        How it is started: options above those of the kernelspec.
    keep : bool
        Whether a kernel that is started goes on when this process ends.
    """

    kernelspec: str = ""
    kernel: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    keep: bool = False

    def __str__(self) -> str:
        """Name it."""
        return self.kernelspec or self.kernel

    def check(self, options: Mapping[str, Any]) -> None:
        """Make sure that options can be used for it.

        Raises
        ------
        UsageError
            When they cannot: one of a name that is none, or any for a kernel that runs.
        """
        if self.kernel and options:
            raise UsageError(f"{self.kernel} runs already: there are no options for its start")
        if options:
            replace(self, options=dict(options)).launch_options("", lambda _: None)

    def launch_options(self, name: str, tell: Callable[[str], object]) -> LaunchOptions:
        """Return how it is started.

        Parameters
        ----------
        name : str
            What the kernel is called unless the options say.
        tell : callable
            Called with what the user should know, a line each.

        Raises
        ------
        UsageError
            When nothing can be made of the kernelspec, or of the options.
        """
        found = find_installed(self.kernelspec)
        given = dict(self.options)
        if not (found.is_ours or tool_of(found)):
            given.setdefault("interface", LOCAL)
        values, lines = start_values(self.kernelspec, given)
        for line in lines:
            tell(line)
        encrypt = AUTO if ENCRYPTS else NEVER
        return LaunchOptions.from_dict({"encrypt": encrypt, "name": name, **values})
