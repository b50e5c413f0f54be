"""Environment variables of one launch: those that set options, and those passed to the kernel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.kernels.options import OPTIONS
from yarnkernel.shell import is_variable_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnkernel.option import Option

#: Prefix of variables that change a kernelspec's options for one launch, as clients of a gateway
#: send them: KERNEL_YARN_QUEUE, KERNEL_YARN_MEMORY...
SETTING_PREFIX = "KERNEL_YARN_"
#: How long a client of a gateway is going to wait.
ALIASES = {"KERNEL_LAUNCH_TIMEOUT": "timeout"}
#: The notebook's path, which IPython uses as its session's name.
SESSION_NAME = "JPY_SESSION_NAME"
#: The options by variable.
SETTINGS = {
    f"{SETTING_PREFIX}{name.upper()}": option
    for name, option in OPTIONS.items()
    if option.per_launch
}

_log = logging.getLogger(__name__)


def launch_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the options that environment variables set for one launch.

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
    for variable, name in ALIASES.items():
        if text := environ.get(variable):
            found[name] = _read(variable, OPTIONS[name], text)
    for variable, text in environ.items():
        if not variable.startswith(SETTING_PREFIX):
            continue
        if variable not in SETTINGS:
            raise UsageError(
                f"{variable} is no setting of a kernel; there are {', '.join(SETTINGS)}"
            )
        if text:
            option = SETTINGS[variable]
            found[option.name] = _read(variable, option, text)
    return found


def _read(variable: str, option: Option, text: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as exc:
        raise UsageError(f"{variable}, the option {option.name!r}: {exc}") from None


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
