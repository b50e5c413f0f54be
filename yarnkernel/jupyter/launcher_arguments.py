"""The launcher's command line, in each form in which front ends run it."""

from __future__ import annotations

import argparse
import ast
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from yarnkernel.arguments import Parser
from yarnkernel.connection import (
    PORT_NAMES,
    format_connection_info,
    is_loopback,
    parse_connection_info,
    read_connection_file,
)
from yarnkernel.errors import ConnectionInfoError, UsageError
from yarnkernel.jupyter.kernelspec import variables_in
from yarnkernel.kernels.arguments import add_options, given, without_escapes
from yarnkernel.kernels.options import LaunchOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.connection import ConnectionInfo

#: Seconds for a start: VS Code gives up after 60.
LAUNCH_TIMEOUT = 55.0
#: VS Code before 2024 passed these on the command line, as for ipykernel, instead of a file.
_CHANNELS = tuple(name.removesuffix("_port") for name in PORT_NAMES)
_STRINGS = ("ip", "transport", "Session.key", "Session.signature_scheme")


class _Parser(Parser):
    """A parser that raises an error instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Report an error."""
        raise UsageError(message)


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m yarnkernel.jupyter.launcher",
        usage="%(prog)s [OPTION ...] CONNECTION_FILE [ARGUMENT ...]",
        description="Run a kernel in YARN for a front end that has chosen its ports and key. The "
        "kernel gets the further ARGUMENTs.",
        epilog=f"As front ends give up sooner than people, --timeout is {LAUNCH_TIMEOUT:.0f} s "
        "here where nobody says another.",
        allow_abbrev=False,
    )
    add_options(parser, without=())
    parser.add_argument(
        "--kernelspec", type=Path, help="directory of the kernelspec of this command"
    )
    for name in (*_CHANNELS, *_STRINGS):
        parser.add_argument(f"--{name}", dest=name, help=argparse.SUPPRESS)
    parser.add_argument("-f", "--f", dest="file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("connection_file", nargs="?", type=Path, help="the front end's")
    # Appended by jupyter run, for example.
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the kernel")
    return parser


def read_arguments(argv: Sequence[str]) -> tuple[LaunchOptions, ConnectionInfo]:
    """Read the command line and the connection file.

    Parameters
    ----------
    argv : sequence of str
        The arguments.

    Returns
    -------
    LaunchOptions
        How to start the kernel.
    dict
        The front end's connection info.

    Raises
    ------
    SystemExit
        After ``--help``.
    UsageError
        For an invalid value or file.
    """
    options = _parse(argv)
    if options.connection_file is None and options.file is None:
        raise UsageError("there is no connection file")
    return LaunchOptions.from_dict(_values(options)), _front(options)


def read_values(argv: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Read the options in a kernelspec's command, without a connection file.

    Returns
    -------
    dict
        The options that it names, and the variables that are kept next to it.
    list of str
        What follows the options: the connection file's placeholder and the kernel's arguments.
    """
    options = _parse(argv)
    after = 0 if options.connection_file is None else 1 + len(options.arguments)
    file = [] if options.file is None else ["-f", str(options.file)]
    return _named(options), [*file, *argv[len(argv) - after :]]


def read_options(argv: Sequence[str]) -> LaunchOptions:
    """Read how to start a kernel, without a connection file: see :func:`read_arguments`."""
    return LaunchOptions.from_dict(_values(_parse(argv)))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    return _build_parser().parse_args([without_escapes(argument) for argument in argv])


def _named(options: argparse.Namespace) -> dict[str, Any]:
    values = given(options)
    directory = options.kernelspec
    if values.get("spec"):
        directory = Path(values["spec"]).parent
    env = {**variables_in(directory), **values.get("env", {})}
    return {**values, "env": env} if env else values


def _values(options: argparse.Namespace) -> dict[str, Any]:
    values = {"timeout": LAUNCH_TIMEOUT, **_named(options)}
    return {**values, "launch_arg": [*values.get("launch_arg", []), *options.arguments]}


def _front(options: argparse.Namespace) -> ConnectionInfo:
    path = options.connection_file or options.file
    given = [name for name in _CHANNELS if getattr(options, name) is not None]
    try:
        if len(given) == len(_CHANNELS) and not path.exists():
            front = _spelled_out(options)
        else:
            front = read_connection_file(path)
    except ConnectionInfoError as exc:
        raise UsageError(f"the front end's connection file cannot be used: {exc}") from None
    if front["signature_scheme"] != "hmac-sha256":
        raise UsageError(f"messages signed by {front['signature_scheme']} are not spoken here")
    if not is_loopback(front["ip"]):
        raise UsageError(
            f"the connection file {path} wants the kernel on {front['ip']}, where others could "
            "reach it: the launcher listens on loopback addresses alone; next: let the front end "
            "use 127.0.0.1"
        )
    return front


def _spelled_out(options: argparse.Namespace) -> ConnectionInfo:
    strings = {name: _plain(getattr(options, name) or "") for name in _STRINGS}
    ports = {f"{name}_port": getattr(options, name) for name in _CHANNELS}
    info: dict[str, Any] = {
        "ip": strings["ip"],
        "transport": strings["transport"] or "tcp",
        "key": strings["Session.key"],
        "signature_scheme": strings["Session.signature_scheme"] or "hmac-sha256",
        **{name: int(port) if str(port).isdecimal() else port for name, port in ports.items()},
    }
    return parse_connection_info(format_connection_info(info).encode(), am_host="localhost")


def _plain(text: str) -> str:
    """Remove Python's quotes, as of ``b"key"``."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return shlex.split(text)[0] if text[:1] in ("'", '"') else text
    return value.decode() if isinstance(value, bytes) else str(value)
