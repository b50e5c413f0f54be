"""Makes, reads and changes the content of a kernelspec's ``kernel.json``."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.jupyter.front_end_options import CONFIG, FRONT_END_OPTIONS, read_config
from yarnkernel.jupyter.kernelspec import (
    LAUNCHER,
    PROVISIONER,
    SPEC_FILE,
    Kernelspec,
)
from yarnkernel.jupyter.launcher_arguments import LAUNCH_TIMEOUT, read_values
from yarnkernel.kernels.arguments import to_arguments
from yarnkernel.kernels.interfaces import SSH, YARN
from yarnkernel.kernels.options import OPTIONS, LaunchOptions
from yarnkernel.python_command import python_command

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

#: Default name of a kernelspec, and of one for Spark.
DEFAULT_NAME, SPARK_NAME = "yarn", "spark"
#: Metadata of an IPython kernel.
_IPYTHON = {"debugger": True, "supported_encryption": ["curve"]}


def new_content(
    directory: Path,
    values: Mapping[str, Any],
    *,
    display_name: str = "",
    language: str = "",
    provisioner: bool = True,
) -> dict[str, Any]:
    """Make the ``kernel.json`` of a new kernelspec.

    Parameters
    ----------
    directory : pathlib.Path
        Where it will be installed.
    values : mapping
        Its options.
    display_name, language : str, optional
        The name that users see, and the kernel's language. By default they follow from the other
        options.
    provisioner : bool, default True
        Whether it names the provisioner.

    Raises
    ------
    UsageError
        When only the provisioner supports these options.
    """
    values = _without_defaults(values)
    ipython = not values.get("kernel_cmd")
    language = language or ("python" if ipython else "")
    content: dict[str, Any] = {
        "argv": _launcher_command(directory, to_arguments(values), has_spec="spec" in values),
        "display_name": display_name or _display_name(directory.name, values, language),
        "language": language,
        "metadata": {},
    }
    _tell_kind(content, values)
    if provisioner:
        own = {"provisioner_name": PROVISIONER, "config": values}
        content["metadata"]["kernel_provisioner"] = own
    else:
        _check_for_launcher(values)
        _keep_variables(content, values)
    return content


def _display_name(name: str, values: Mapping[str, Any], language: str) -> str:
    """Return the default name for users: the language, the place, and the size or the name."""
    kind, names = language.capitalize() or name, (DEFAULT_NAME, SPARK_NAME)
    where = _where(values)
    if values.get("spark"):
        kind, where = kind.replace("Python", "Python 3"), f"Spark on {where}"
    size = [str(values[option]) for option in ("memory", "queue") if values.get(option)]
    more = size or ([] if name in (*names, kind) else [name])
    return f"{kind} ({', '.join([where, *more])})"


def _where(values: Mapping[str, Any]) -> str:
    """Return the place's name for users: "YARN", "slurm on login"."""
    interface, host = values.get("interface", YARN), values.get("host", "")
    if interface == YARN:
        return "YARN"
    if interface == SSH:
        return str(host)
    return f"{interface} on {host}" if host else str(interface)


def changed_content(
    kernelspec: Kernelspec, changes: Mapping[str, Any], unset: Collection[str] = ()
) -> dict[str, Any]:
    """Change options in a ``kernel.json``, and keep the rest of its content.

    Parameters
    ----------
    kernelspec : Kernelspec
        The installed kernelspec.
    changes : mapping
        Options; variables are added to the present ones.
    unset : collection of str, optional
        Names of options to reset to their defaults before the changes.

    Raises
    ------
    UsageError
        When the kernelspec cannot be read, or the result is invalid.
    """
    content = copy.deepcopy(kernelspec.content)
    # The present options may be invalid: this change may correct them.
    before = kernelspec.config
    if kernelspec.has_provisioner:
        values = _changed(before, changes, unset)
        read_config(values)
        content["metadata"]["kernel_provisioner"]["config"] = values
    else:
        _check_for_launcher(changes)
    if LAUNCHER in kernelspec.argv:
        given, rest = read_values(kernelspec.launcher_arguments)
        named = _changed(given, changes, unset)
        LaunchOptions.from_dict({k: v for k, v in named.items() if k in OPTIONS})
        if "spec" in changes:
            named["spec"] = str(kernelspec.directory / changes["spec"])
        command = kernelspec.argv[: kernelspec.argv.index(LAUNCHER) + 1]
        beside = _beside_arguments(named.get("spec", ""), kernelspec.directory)
        content["argv"] = [*command, *beside, *to_arguments(named), *rest]
        if not kernelspec.has_provisioner:
            before, values = given, named
            _keep_variables(content, named)
    if _kind(before) != _kind(values):
        _tell_kind(content, values)
    name, language = kernelspec.directory.name, content.get("language", "")
    if content.get("display_name") == _display_name(name, before, language):
        content["display_name"] = _display_name(name, values, language)
    return content


def given_options(kernelspec: Kernelspec) -> dict[str, Any]:
    """Return only the options that a kernelspec names.

    Raises
    ------
    UsageError
        When they are invalid.
    """
    if not kernelspec.has_provisioner:
        return read_values(kernelspec.launcher_arguments)[0]
    read_config(kernelspec.config)
    return kernelspec.config


def all_options(kernelspec: Kernelspec) -> dict[str, dict[str, Any]]:
    """Return the value of each option, and whether it is the default."""
    given = _without_defaults(given_options(kernelspec))
    timeout = {} if kernelspec.has_provisioner else {"timeout": LAUNCH_TIMEOUT}
    table = CONFIG if kernelspec.has_provisioner else OPTIONS
    return {
        name: {
            "value": given.get(name, timeout.get(name, option.default)),
            "default": name not in given,
        }
        for name, option in table.items()
    }


def launch_options(kernelspec: Kernelspec) -> LaunchOptions:
    """Return how to start the kernels of a kernelspec.

    Raises
    ------
    UsageError
        When the options are invalid.
    """
    values = {name: known["value"] for name, known in all_options(kernelspec).items()}
    if values["spec"]:
        values["spec"] = str(kernelspec.directory / values["spec"])
    return LaunchOptions.from_dict({k: v for k, v in values.items() if k in OPTIONS})


def _changed(
    values: Mapping[str, Any], changes: Mapping[str, Any], unset: Collection[str]
) -> dict[str, Any]:
    kept = {name: value for name, value in values.items() if name not in unset}
    changed = {**kept, **changes}
    if "env" in changes and isinstance(kept.get("env"), dict):
        changed["env"] = {**kept["env"], **changes["env"]}
    return _without_defaults(changed)


def _without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out defaults, but keep a timeout, as front ends' defaults differ."""
    return {
        name: value
        for name, value in values.items()
        if name not in CONFIG or value or not CONFIG[name].is_default(value)
    }


def _check_for_launcher(values: Mapping[str, Any]) -> None:
    for name, option in FRONT_END_OPTIONS.items():
        if name in values:
            (given, *_) = option.spell(values[name]) or (option.flag,)
            raise UsageError(f"{given} is for the provisioner, which this kernelspec does not name")


def _keep_variables(content: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Keep variables where the launcher finds them but no command line shows them."""
    if values.get("env"):
        content["metadata"]["yarnkernel"] = {"env": values["env"]}
    else:
        content["metadata"].pop("yarnkernel", None)


def _kind(values: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether a kernel is IPython's, and how front ends interrupt it."""
    ipython = not values.get("kernel_cmd")
    # Other kernels need not support the message; the supervisor and the launcher support signals.
    return ipython, values.get("interrupt_mode") or ("message" if ipython else "signal")


def _tell_kind(content: dict[str, Any], values: Mapping[str, Any]) -> None:
    ipython, content["interrupt_mode"] = _kind(values)
    metadata = content.setdefault("metadata", {})
    for name, value in _IPYTHON.items():
        metadata.pop(name, None)
        if ipython:
            metadata[name] = value


def _launcher_command(
    directory: Path, arguments: Sequence[str], *, has_spec: bool = True
) -> list[str]:
    """Make the ``argv`` of a kernelspec.

    Parameters
    ----------
    directory : pathlib.Path
        Where it is installed.
    arguments : sequence of str
        Options of the launcher.
    has_spec : bool, default True
        Whether it has an application specification.
    """
    beside = _beside_arguments(str(directory / SPEC_FILE) if has_spec else "", directory)
    return python_command(LAUNCHER, *beside, *arguments, "{connection_file}")


def _beside_arguments(spec: str, directory: Path) -> list[str]:
    """Return the launcher's arguments for finding what is kept next to its command."""
    return ["--spec", spec] if spec else ["--kernelspec", str(directory)]
