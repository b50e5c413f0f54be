"""Where a target comes from: a kernelspec that it is started from, or a running kernel."""

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
        The name of the kernelspec to start it from; empty for a running kernel.
    kernel : str
        The id of a running kernel.
    options : dict
        Options for the start, which override the kernelspec's.
    keep : bool
        Whether a started kernel keeps running when this process ends.
    """

    kernelspec: str = ""
    kernel: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    keep: bool = False

    def __str__(self) -> str:
        """Return its name."""
        return self.kernelspec or self.kernel

    def check(self, options: Mapping[str, Any]) -> None:
        """Check that options can be used for it.

        Raises
        ------
        UsageError
            When they cannot: for an unknown option, or any option for a running kernel.
        """
        if self.kernel and options:
            raise UsageError(f"{self.kernel} runs already: there are no options for its start")
        if options:
            replace(self, options=dict(options)).launch_options("", lambda _: None)

    def launch_options(self, name: str, tell: Callable[[str], object]) -> LaunchOptions:
        """Return the options for its start.

        Parameters
        ----------
        name : str
            The kernel's name, unless the options have one.
        tell : callable
            Called with messages for the user, a line each.

        Raises
        ------
        UsageError
            When the kernelspec or the options cannot be used.
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
