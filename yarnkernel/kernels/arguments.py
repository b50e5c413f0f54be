"""Arguments that change what a specification says about its kernel."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.arguments import add_timeout, command, count, seconds, variable
from yarnkernel.connection import NEVER, REQUIRED
from yarnkernel.deadline import START_TIMEOUT
from yarnkernel.kernels.options import DEFAULT_PARTITION, WAY_VARIABLE, WAYS

if TYPE_CHECKING:
    import argparse

    from yarnkernel.kernels.options import LaunchOptions


def add_overrides(parser: argparse.ArgumentParser, named: str = "application") -> None:
    """Add what :func:`yarnkernel.yarn.spec_changes.override` and ``add_environment`` change."""
    group = parser.add_argument_group("instead of what the specification says")
    group.add_argument("--queue", help="queue of the application")
    group.add_argument(
        "--memory", help='memory of the kernel, such as "2 GiB"; a number alone is MiB'
    )
    group.add_argument("--vcores", type=count, help="virtual cores of the kernel")
    group.add_argument(
        "--env",
        type=variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="environment variable of the kernel; may be given again",
    )
    group.add_argument(
        "--environment",
        metavar="ENVIRONMENT",
        help="environment of the kernel: a conda or virtual environment here, which is packed and "
        "pushed when it has changed (a local cluster uses it where it is), an archive here, the "
        "URL of one on the cluster, or python:///PREFIX on all nodes",
    )
    group.add_argument(
        "--node-label",
        type=lambda text: text or DEFAULT_PARTITION,
        metavar="LABEL",
        help="only on nodes with this label; '' for nodes without one",
    )
    group.add_argument("--name", dest="application_name", help=f"name of the {named}")
    group.add_argument(
        "--priority",
        type=int,
        metavar="N",
        help="the higher, the earlier it gets its container, as far as the queue allows",
    )
    group.add_argument(
        "--lifetime",
        type=seconds,
        metavar="SECONDS",
        help="how long YARN lets it run, used or not (default: what the queue says)",
    )
    group.add_argument(
        "--own-credentials",
        action="store_true",
        help="a certificate and key for it alone, and not your own of skein",
    )
    encrypt = parser.add_mutually_exclusive_group()
    encrypt.add_argument(
        "--encrypt",
        action="store_const",
        const=REQUIRED,
        help="clients and kernel encrypt what they say, and nothing that travels to the kernel "
        "opens it; jupyter console --existing cannot use such a kernel, yarnkernel console can",
    )
    encrypt.add_argument(
        "--no-encrypt",
        dest="encrypt",
        action="store_const",
        const=NEVER,
        help="they do not, as jupyter console --existing and other clients want it",
    )
    parser.add_argument(
        "--via",
        choices=WAYS,
        help="how it is submitted: directly, without a JVM, or by skein's driver and "
        f"ApplicationMaster (default: ${WAY_VARIABLE}, else auto: directly where that can be)",
    )


def add_launch_options(parser: argparse.ArgumentParser) -> None:
    """Add what else a kernelspec can say; see :class:`yarnkernel.kernels.options.LaunchOptions`."""
    group = parser.add_argument_group("how the kernel is started")
    group.add_argument(
        "--workdir",
        metavar="DIRECTORY",
        help="its working directory, on the node (default: the notebook's if the node has it, "
        "else the container's)",
    )
    group.add_argument(
        "--precmd",
        action="append",
        default=[],
        metavar="SHELL",
        help="lines of bash to run before the kernel; may be given again",
    )
    group.add_argument(
        "--kernel-cmd",
        type=command,
        default=[],
        metavar="COMMAND",
        help="another kernel than IPython's: its command as a shell reads it, with "
        "{connection_file}",
    )
    group.add_argument(
        "--launch-arg",
        action="append",
        default=[],
        metavar="ARGUMENT",
        help="argument of the kernel, as in --launch-arg=--pylab; may be given again",
    )
    group.add_argument(
        "--verbose", action="store_true", help="write each step into the container's log"
    )
    add_timeout(parser, "how long a start may take", START_TIMEOUT)


#: Options by their names on the command line, where these are others.
_SPELLED = {"name": "application_name"}


def launch_options(options: argparse.Namespace, **values: Any) -> LaunchOptions:
    """Collect these arguments.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    **values
        Further fields of :class:`LaunchOptions`.
    """
    from yarnkernel.kernels.options import LaunchOptions  # noqa: PLC0415

    for option in dataclasses.fields(LaunchOptions):
        given = getattr(options, _SPELLED.get(option.name, option.name), None)
        if given and option.name not in values:
            values[option.name] = dict(given) if option.name == "env" else given
    environment = str(values.get("environment", ""))
    if environment and "://" not in environment:
        values["environment"] = str(Path(environment).expanduser().absolute())
    return LaunchOptions.from_dict(values)


def to_arguments(options: LaunchOptions) -> list[str]:
    """Write options as arguments of the launcher.

    But for the specification, the timeout, and variables, which all could see.
    """
    arguments = []
    for name, value in options.to_dict().items():
        option = "--" + name.replace("_", "-")
        if name in ("spec", "timeout", "env"):
            continue
        if name == "encrypt":
            arguments.append({REQUIRED: "--encrypt", NEVER: "--no-encrypt"}[value])
        elif value is True:
            arguments.append(option)
        elif name == "kernel_cmd":
            arguments.append(f"{option}={shlex.join(value)}")
        else:
            arguments += [
                f"{option}={part}" for part in (value if isinstance(value, list) else [value])
            ]
    return [with_escapes(argument) for argument in arguments]


def with_escapes(argument: str) -> str:
    """Hide ``{name}`` from front ends, which put values in its place.

    So does jupyter_client (``format_kernel_cmd``) for several names in all arguments. VS Code
    takes the first argument with ``{connection_file}`` in it for the path of that file.

    Returns
    -------
    str
        With ``{=name}`` instead.
    """
    return re.sub(r"\{(=*\w+\})", r"{=\1", argument)


def without_escapes(argument: str) -> str:
    """Undo :func:`with_escapes`."""
    return re.sub(r"\{=(=*\w+\})", r"{\1", argument)
