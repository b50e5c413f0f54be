"""Runs the command of a further container, where the recipe runs no kernel.

The kernel's own script has run up to here, so that the environment is the same as the kernel's.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.container.credentials import KERNEL_TOKENS
from yarnkernel.container.further_launch import is_file_name, read_secret
from yarnkernel.container.kernel_process import kernel_environment
from yarnkernel.container_status import PYTHON
from yarnkernel.errors import YarnKernelError
from yarnkernel.hadoop.credentials import TOKEN_FILE_VARIABLE, Credentials

if TYPE_CHECKING:
    from typing import NoReturn

    from yarnkernel.container.kernel_process import KernelLaunch


def become_command(launch: KernelLaunch) -> NoReturn:
    """Replace this process by the command.

    Parameters
    ----------
    launch : KernelLaunch
        How the kernel is started; its shell commands are run here, too.

    Raises
    ------
    YarnKernelError
        When it cannot be.
    """
    file = Path(os.environ.pop(TOKEN_FILE_VARIABLE, ""))
    credentials = Credentials.read(file)
    command, variables, files = read_secret(credentials.secrets)
    # It holds secrets of this process.
    file.unlink(missing_ok=True)
    if credentials.tokens:
        tokens = Path(KERNEL_TOKENS).absolute()
        Credentials(credentials.tokens).write(tokens)
        os.environ[TOKEN_FILE_VARIABLE] = str(tokens)
    for name, content in files.items():
        if is_file_name(name):
            _write(Path(name), content)
    environment = kernel_environment(launch.home) | variables
    environment.pop("JPY_PARENT_PID", None)
    command = [part.replace(PYTHON, sys.executable) for part in command]
    arguments = dataclasses.replace(launch, command=tuple(command)).arguments()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606  (no shell is involved)
    except OSError as exc:
        raise YarnKernelError(
            f"cannot run {arguments[0]!r} in this container: {exc.strerror}"
        ) from exc


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
