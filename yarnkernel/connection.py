"""Connection info, which a client needs to talk to a kernel, and connection files.

The fields are those of Jupyter's connection files
(https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files).
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import ConnectionInfoError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

#: The key that skein's own recipe uses (skein/recipes/ipython_kernel.py), so that either side can
#: be skein's.
KERNEL_INFO_KEY = "ipython.kernel.info"
#: The beginning of the recipe's diagnostics; the kernel's last lines follow.
RECIPE_DIAGNOSTICS = "The kernel "
#: Placeholder of the connection file in a kernel's command, as in Jupyter's kernelspecs.
CONNECTION_FILE = "{connection_file}"
#: Variable of a container with further options of the recipe, shell-quoted.
RECIPE_OPTIONS = "YARNKERNEL_RECIPE_OPTIONS"
#: Variable of a container with the kernel's home, as YARN sets ``HOME`` itself.
KERNEL_HOME = "YARNKERNEL_HOME"
#: File of a container with the keys for its kernel.
KERNEL_KEYS = "yarnkernel-keys.json"
#: Directory of a container with the recipe, if it was shipped.
RECIPE_DIRECTORY = ".yarnkernel-recipe"
#: Fields of connection info that a front end may choose.
KEY_NAMES = ("key", "signature_scheme")
#: Whether a kernel encrypts (CurveZMQ): never, for stock clients of a connection file; if it can;
#: or always, in which case no key travels with the submission.
ENCRYPTIONS = NEVER, AUTO, REQUIRED = ("never", "auto", "required")
#: Fields of connection info with the CurveZMQ keys.
CURVE_NAMES = ("curve_publickey", "curve_secretkey")
#: The beginning of the reason for a restart without a crash; follows "The kernel".
ASKED_TO_RESTART = "was asked to restart"
#: The beginning of the reason for the end of a kernel that was unused or too old.
ENDED_UNUSED = "was ended: "
PORT_NAMES = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")

#: Connection info as Jupyter's clients expect it; unknown keys are kept.
ConnectionInfo = dict[str, Any]


def keys_of(info: ConnectionInfo) -> dict[str, str]:
    """Return the fields of connection info that a front end may choose."""
    return {name: info[name] for name in KEY_NAMES if name in info}


def is_encrypted(info: ConnectionInfo) -> bool:
    """Return whether a connection with it is encrypted."""
    return CURVE_NAMES[0] in info


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is a loopback one."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_connection_info(value: bytes, *, am_host: str = "") -> ConnectionInfo:
    """Read and check what a recipe published.

    Parameters
    ----------
    value : bytes
        The value of the key, a JSON object in UTF-8.
    am_host : str, optional
        Host of the ApplicationMaster. A kernel on a loopback address can be reached only if its
        ApplicationMaster is on one, too.

    Returns
    -------
    dict
        The connection info, complete.

    Raises
    ------
    ConnectionInfoError
        When it is not JSON in UTF-8, or a field is missing or invalid.
    """
    try:
        info = json.loads(value.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConnectionInfoError("the connection info is not text in UTF-8") from None
    except (ValueError, RecursionError) as exc:
        raise ConnectionInfoError(f"the connection info is not JSON: {exc}") from None
    if not isinstance(info, dict):
        raise ConnectionInfoError(
            f"the connection info is a JSON {type(info).__name__}, not an object"
        )
    _check_fields(info)
    if is_loopback(info["ip"]) and not is_loopback(am_host):
        where = f" while its ApplicationMaster is on {am_host}" if am_host else ""
        raise ConnectionInfoError(
            f"the kernel listens on {info['ip']}, which only its own host can reach{where}"
        )
    return info


def _check_fields(info: ConnectionInfo) -> None:
    wanted = ("ip", "key", "transport", "signature_scheme", *PORT_NAMES)
    missing = [name for name in wanted if name not in info]
    if missing:
        raise ConnectionInfoError(f"the connection info lacks {', '.join(missing)}")
    for name in PORT_NAMES:
        port = info[name]
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 1 << 16:
            raise ConnectionInfoError(f"the connection info has {name} {port!r}, not a TCP port")
    for name in ("ip", "key", "signature_scheme"):
        if not isinstance(info[name], str):
            raise ConnectionInfoError(f"the connection info's {name} is not a string")
    if info["transport"] != "tcp":
        raise ConnectionInfoError(f"the kernel's transport is {info['transport']!r}, not 'tcp'")
    if info["ip"] in ("", "*", "0.0.0.0", "::"):  # noqa: S104  (refused, not bound)
        raise ConnectionInfoError(
            f"the kernel published the address {info['ip']!r}, which is no host"
        )
    if not re.fullmatch(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_-]+)*", info["ip"]):
        raise ConnectionInfoError(f"the kernel published the address {info['ip']!r}, no host's")
    if not info["key"]:
        raise ConnectionInfoError("the kernel has no key: anybody could run code in it")


def through_forwards(
    info: ConnectionInfo, forward: Callable[[str, int], tuple[str, int]]
) -> ConnectionInfo:
    """Replace a kernel's ports in connection info by forwarded ports of this machine.

    Parameters
    ----------
    info : dict
        The connection info.
    forward : callable
        Returns where on this machine a host's port is reached.
    """
    ports = {name: forward(info["ip"], info[name])[1] for name in PORT_NAMES}
    return {**info, "ip": "127.0.0.1", **ports}


def format_connection_info(info: ConnectionInfo) -> str:
    """Return connection info as the text of a connection file."""
    return json.dumps(info, indent=2, sort_keys=True) + "\n"


def default_connection_file(app_id: str) -> Path:
    """Return the default path of an application's connection file.

    In Jupyter's runtime directory, so that ``jupyter console --existing
    kernel-<app_id>.json`` finds it from anywhere.

    Raises
    ------
    UsageError
        When the user has no home directory.
    """
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415  (slow to import)

    try:
        return Path(jupyter_runtime_dir()) / f"kernel-{app_id}.json"
    except RuntimeError as exc:
        raise UsageError(f"Jupyter's runtime directory: {exc}; next: set HOME") from exc


def find_connection_file(name: str) -> Path:
    """Find a connection file as Jupyter's own commands do.

    Parameters
    ----------
    name : str
        A path, or a name in Jupyter's runtime directory.

    Raises
    ------
    UsageError
        When there is none.
    """
    from jupyter_client.connect import find_connection_file  # noqa: PLC0415  (slow to import)

    try:
        return Path(find_connection_file(name))
    except OSError:
        raise UsageError(
            f"there is no connection file {name!r}, here or in Jupyter's runtime directory"
        ) from None


def read_connection_file(path: Path) -> ConnectionInfo:
    """Read and check a connection file, even of a kernel on this machine.

    Raises
    ------
    UsageError
        When it cannot be read.
    ConnectionInfoError
        See :func:`parse_connection_info`.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise UsageError(f"cannot read the connection file {path}: {exc.strerror}") from exc
    try:
        return parse_connection_info(content, am_host="localhost")
    except ConnectionInfoError as exc:
        raise ConnectionInfoError(f"{path}: {exc}") from None


def make_runtime_directory() -> Path:
    """Make Jupyter's runtime directory if needed, accessible to its user only.

    Raises
    ------
    UsageError
        When it cannot be made.
    """
    path = default_connection_file("").parent
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise UsageError(f"cannot make Jupyter's runtime directory {path}: {exc.strerror}") from exc
    return path


def check_writable(path: Path) -> None:
    """Check that a connection file can be written, before a kernel is started for it.

    Raises
    ------
    UsageError
        When the directory is missing or cannot be written to, or when
        ``path`` is a directory.
    """
    if path.is_dir():
        raise UsageError(f"cannot write the connection file: {path} is a directory")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"cannot write the connection file: there is no directory {parent}")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as exc:
        raise UsageError(f"cannot write the connection file {path}: {exc.strerror}") from exc


def write_connection_file(info: ConnectionInfo, path: Path) -> None:
    """Write a connection file that only its owner can read, atomically.

    Parameters
    ----------
    info : dict
        Connection info.
    path : pathlib.Path
        The file; an existing one is replaced.

    Raises
    ------
    UsageError
        When it cannot be written.
    """
    part = ""
    try:
        # mkstemp makes the file with mode 0600.
        handle, part = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(format_connection_info(info))
        Path(part).replace(path)
    except OSError as exc:
        if part:
            Path(part).unlink(missing_ok=True)
        raise UsageError(f"cannot write the connection file {path}: {exc.strerror}") from exc
