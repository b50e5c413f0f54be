"""How a kernel is started: what all ways to start one share, and what is checked of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

from yarnkernel.connection import ENCRYPTIONS, REQUIRED
from yarnkernel.deadline import LONGEST, START_TIMEOUT
from yarnkernel.errors import UsageError
from yarnkernel.kernels.command import check_command
from yarnkernel.shell import is_variable_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: How an application is submitted to YARN: directly, by skein's driver, or directly where that can
#: be.
AUTO, DIRECT, SKEIN = WAYS = ("auto", "direct", "skein")
#: Names the way where nobody has said another.
WAY_VARIABLE = "YARNKERNEL_VIA"
#: As YARN calls the nodes that have no label; a node label of its own here.
DEFAULT_PARTITION = "<DEFAULT_PARTITION>"
#: Seconds: a century.
LONGEST_LIFE = 100 * 365 * 86400

_log = logging.getLogger(__name__)

#: Environment variables of one launch that change the kernelspec's options, as clients of a
#: gateway send them: KERNEL_YARN_QUEUE, KERNEL_YARN_MEMORY...
SETTING_PREFIX = "KERNEL_YARN_"
#: As clients of a gateway send it: how long they are going to wait.
_LAUNCH_TIMEOUT = "KERNEL_LAUNCH_TIMEOUT"
#: The path of the notebook, by which IPython knows its session.
SESSION_NAME = "JPY_SESSION_NAME"
_SETTINGS = ("queue", "memory", "vcores", "node_label", "environment", "via", "timeout")


@dataclass(frozen=True)
class LaunchOptions:
    """How the kernels of a kernelspec are started.

    Attributes
    ----------
    spec : str
        Path of the application specification; empty for ``specs/ipython.yaml``.
    files_from : str
        Directory that files named in it are relative to; by default its own.
    queue, memory, node_label, name : str
        Empty for what the specification says.
    vcores : int
        Virtual cores; 0 for what the specification says.
    env : dict of str to str
        Environment variables of the kernel, to the letter: nothing is put in for ``$NAME``.
    environment : str
        As in :func:`yarnkernel.environment.choice.choose_environment`; empty for none.
    workdir : str
        Working directory of the kernel, on the node. By default that of the
        notebook if the node has it, else the container's.
    precmd : list of str
        Lines of bash that come before the kernel, and again before each restart.
    kernel_cmd : list of str
        The kernel's command, with ``{connection_file}``; an IPython kernel by default.
    launch_arg : list of str
        More arguments of the kernel.
    via : str
        The way that it is submitted: ``"auto"``, ``"direct"`` or ``"skein"``; empty
        for what the variable ``YARNKERNEL_VIA`` says, else ``"auto"``.
    priority : int
        The higher, the earlier it gets its container; needs the direct way, as does ``lifetime``.
    lifetime : float
        Seconds after which YARN ends it; 0 for what the queue says.
    own_credentials : bool
        Whether it has a certificate and key of its own.
    encrypt : str
        ``"never"``, ``"auto"`` or ``"required"``, as the recipe's ``--encryption``; empty for what
        is best where it is started from.
    timeout : float
        Seconds that a start may take.
    verbose : bool
        Whether the recipe writes each step into the container's log.
    """

    spec: str = ""
    files_from: str = ""
    queue: str = ""
    memory: str = ""
    vcores: int = 0
    node_label: str = ""
    name: str = ""
    env: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    workdir: str = ""
    precmd: list[str] = field(default_factory=list)
    kernel_cmd: list[str] = field(default_factory=list)
    launch_arg: list[str] = field(default_factory=list)
    via: str = ""
    priority: int = 0
    lifetime: float = 0.0
    own_credentials: bool = False
    encrypt: str = ""
    timeout: float = START_TIMEOUT
    verbose: bool = False

    def __post_init__(self) -> None:
        """Check what no type tells."""
        if not 0 <= self.priority < 1 << 31:
            raise UsageError(f"a priority is from 0 to {(1 << 31) - 1}, not {self.priority}")
        if not 0 <= self.lifetime <= LONGEST_LIFE:
            raise UsageError(f"a lifetime is at most {LONGEST_LIFE} s, not {self.lifetime:g}")
        if self.kernel_cmd:
            check_command(self.kernel_cmd)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LaunchOptions:
        """Read what a kernelspec or a front end's process says.

        Raises
        ------
        UsageError
            For a name that is no option, and a value of another type.
        """
        known = {option.name: option for option in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"there is no option {name!r}; there are {', '.join(known)}")
            _check(name, value, str(known[name].type))
        return cls(**{**values, "timeout": float(values.get("timeout", START_TIMEOUT))})

    def to_dict(self) -> dict[str, Any]:
        """Write what differs from the defaults."""
        default = LaunchOptions()
        return {
            option.name: getattr(self, option.name)
            for option in fields(self)
            if getattr(self, option.name) != getattr(default, option.name)
        }

    @property
    def sealed(self) -> bool:
        """Whether nothing that travels to the kernel may open it."""
        return self.encrypt == REQUIRED

    def recipe_options(self) -> list[str]:
        """Return them as options of the recipe's command line."""
        options = ["--directory", self.workdir] if self.workdir else []
        for lines in self.precmd:
            options += ["--pre-command", lines]
        if self.encrypt:
            options += ["--encryption", self.encrypt]
        if self.verbose:
            options.append("--verbose")
        if self.kernel_cmd:
            return [*options, "--", *self.kernel_cmd, *self.launch_arg]
        return [*self.launch_arg, *options]


def check_way(name: str) -> str:
    """Return the name of a way.

    Raises
    ------
    UsageError
        When it is none.
    """
    if name not in WAYS:
        raise UsageError(
            f"{name!r} is no way to submit an application; there are {', '.join(WAYS)}"
        )
    return name


def _check(name: str, value: object, wanted: str) -> None:
    good = {
        "str": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "list[str]": isinstance(value, list) and all(isinstance(part, str) for part in value),
        "dict[str, str]": isinstance(value, dict)
        and all(isinstance(part, str) for part in value.values()),
    }
    if not good[wanted]:
        # Values of variables may be secret.
        shown = f", not {value!r}" if name != "env" else ""
        raise UsageError(f"the option {name!r} has to be a {wanted}{shown}")
    if name == "via" and value:
        check_way(str(value))
    for key in cast("dict[str, str]", value) if name == "env" else ():
        if not is_variable_name(key):
            raise UsageError(f"the option 'env': {key!r} cannot name a variable")
    if name == "encrypt" and value and value not in ENCRYPTIONS:
        raise UsageError(f"the option 'encrypt' has to be one of {', '.join(ENCRYPTIONS)}")
    if name == "timeout" and not 0 < float(str(value)) <= LONGEST:
        raise UsageError(
            f"the option {name!r} has to be a number of seconds above 0, and at most "
            f"{LONGEST:.0f} (20 days), not {value}"
        )


def launch_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the options that environment variables give for one launch.

    Parameters
    ----------
    environ : mapping
        The environment that a front end passes for the kernel.

    Returns
    -------
    dict
        For :meth:`LaunchOptions.from_dict`.

    Raises
    ------
    UsageError
        For a variable with the prefix that is no setting, and for a value that is none.
    """
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if variable == _LAUNCH_TIMEOUT:
            name = "timeout"
        elif variable.startswith(SETTING_PREFIX):
            name = variable.removeprefix(SETTING_PREFIX).lower()
        else:
            continue
        if name not in _SETTINGS:
            names = ", ".join(f"{SETTING_PREFIX}{setting.upper()}" for setting in _SETTINGS)
            raise UsageError(f"{variable} is no setting of a kernel; there are {names}")
        if not text:
            continue
        try:
            kinds = {"vcores": int, "timeout": float}
            found[name] = kinds.get(name, str)(text)
        except ValueError:
            raise UsageError(f"{variable}={text!r} is not a number") from None
    return found


def travelling_variables(environ: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
    """Choose the environment variables that go to the node: what is meant for a kernel.

    The rest of a front end's environment stays where it is: it names paths of
    this machine, and may hold secrets.

    Parameters
    ----------
    environ : mapping
        The environment that a front end passes for the kernel.
    names : iterable of str, optional
        Further names.

    Returns
    -------
    dict
        ``KERNEL_*`` without the settings, ``JPY_SESSION_NAME`` and ``names``.
    """
    meant = {
        name: value
        for name, value in environ.items()
        if name in {SESSION_NAME, *names}
        or (name.startswith("KERNEL_") and not name.startswith(SETTING_PREFIX))
    }
    travelling = {name: value for name, value in meant.items() if _can_travel(name, value)}
    for name in sorted(meant.keys() - travelling.keys()):
        _log.warning("the variable %r stays here: a shell cannot export it", name)
    return travelling


def _can_travel(name: str, value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that are not UTF-8
        return False
    return is_variable_name(name)
