"""What jupyter_client's kernel manager specifies about a launch, and what is reported to it."""

from __future__ import annotations

import dataclasses
import secrets
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.multikernelmanager import MultiKernelManager
from tornado.web import HTTPError

from yarnkernel.connection import AUTO, NEVER, REQUIRED
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.jupyter.front_end_options import read_config
from yarnkernel.kernels.launch_variables import (
    SESSION_NAME,
    launch_settings,
    travelling_variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_client.kernelspec import KernelSpec

    from yarnkernel.kernels.options import LaunchOptions


#: Characters of a line in JupyterLab's dialog for errors.
DIALOG_WIDTH = 88


class KernelLaunchError(YarnKernelError, HTTPError):
    """A kernel cannot be started.

    jupyter_server shows the text of an ``HTTPError`` to its user, but of no other exception
    (jupyter_server/base/handlers.py).

    Parameters
    ----------
    message : str
        The reason.
    """

    def __init__(self, message: str) -> None:
        shown = "\n".join(map(_wrapped, message.splitlines()))
        HTTPError.__init__(self, 500, shown, reason="The YARN kernel cannot be started")
        self._message = message

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> tuple[Any, ...]:  # so that it can be pickled for a process pool
        return type(self), (self._message,)


def _wrapped(line: str) -> str:
    """Wrap a line: JupyterLab's dialog cuts off long lines and has no scroll bar."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, DIALOG_WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def is_of_server(manager: Any) -> bool:
    """Return whether a kernel manager is one of many, as a server's are."""
    return isinstance(getattr(manager, "parent", None), MultiKernelManager)


def forget_pending(manager: Any, kernel_id: str) -> None:
    """Remove a failed start from the list of pending ones.

    jupyter_client does not do this itself (8.10, multikernelmanager.py,
    ``_add_kernel_when_ready``), and jupyter_server would never exit.
    """
    if is_of_server(manager):
        manager.parent._pending_kernels.pop(kernel_id, None)  # noqa: SLF001


def give_up_restarts(manager: Any) -> None:
    """Make a restarter report at once that a kernel is dead, instead of trying five restarts.

    So front ends announce no restart of a kernel that was ended on purpose (jupyter_client 8.10,
    ioloop/restarter.py, ``poll``).
    """
    restarter = getattr(manager, "_restarter", None)
    if restarter is not None:
        restarter._restarting = True  # noqa: SLF001
        restarter._restart_count = restarter.restart_limit  # noqa: SLF001


def launch_options(
    manager: Any, kernel_spec: KernelSpec, config: Mapping[str, Any], launch: Mapping[str, Any]
) -> tuple[LaunchOptions, bool | None]:
    """Combine the options of a kernelspec and of a launch.

    Parameters
    ----------
    manager : jupyter_client.KernelManager or None
        The kernel's manager.
    kernel_spec : jupyter_client.kernelspec.KernelSpec
        The kernelspec.
    config : mapping
        Its ``metadata.kernel_provisioner.config``.
    launch : mapping
        Arguments of the launch: ``env`` and ``extra_arguments``.

    Returns
    -------
    LaunchOptions
        How to start it.
    bool or None
        Whether it stays when its front end ends; None if that is not specified.

    Raises
    ------
    UsageError
        For an invalid option; the message names the kernelspec.
    """
    environ = launch["env"]
    directory = Path(kernel_spec.resource_dir)
    try:
        options, own = read_config({**config, **launch_settings(environ)})
        _check_spec(directory, options.spec)
    except UsageError as exc:
        raise UsageError(
            f"the kernelspec in {directory} cannot be used: {exc}; next: yarnkernel kernelspec "
            f"show {directory.name}, or add it anew with --replace"
        ) from None
    names = [*(kernel_spec.env or {}), *own.allowed_envs]
    complete = dataclasses.replace(
        options,
        spec=str(directory / options.spec) if options.spec else "",
        env={**travelling_variables(environ, names), **options.env},
        launch_arg=[*options.launch_arg, *launch.get("extra_arguments", [])],
        name=options.name or Path(environ.get(SESSION_NAME, "")).name,
        encrypt=choose_encryption(manager, options.encrypt),
    )
    return complete, own.keep


def _check_spec(directory: Path, spec: str) -> None:
    if spec and not (directory / spec).is_file():
        raise UsageError(f"its specification {spec} is gone")


def choose_keys(manager: Any) -> dict[str, str]:
    """Choose the keys of a new kernel.

    Parameters
    ----------
    manager : jupyter_client.KernelManager or None
        The manager whose session's key it gets.

    Returns
    -------
    dict of str to str
        Fields of the connection info.
    """
    key = manager.session.key.decode() if manager is not None else ""
    return {"key": key or secrets.token_hex(32), "signature_scheme": "hmac-sha256"}


def choose_encryption(manager: Any, wanted: str) -> str:
    """Choose whether a new kernel encrypts.

    Parameters
    ----------
    manager : jupyter_client.KernelManager or None
        Its manager, whose ``transport_encryption`` may require encryption.
    wanted : str
        The kernelspec's choice; see :class:`LaunchOptions`.

    Returns
    -------
    str
        ``"required"``, ``"auto"``, or ``"never"`` for a jupyter_client before 8.9, which cannot
        encrypt.

    Raises
    ------
    UsageError
        When it is required, but this jupyter_client cannot encrypt.
    """
    if REQUIRED in (wanted, getattr(manager, "transport_encryption", "")):
        if not hasattr(manager, "curve_publickey"):
            raise UsageError(
                "this front end's jupyter_client cannot encrypt; "
                "next: pip install 'jupyter_client>=8.9' in its environment"
            )
        return REQUIRED
    return (wanted or AUTO) if hasattr(manager, "curve_publickey") else NEVER
