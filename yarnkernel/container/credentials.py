"""The credentials that YARN has given this container, and those that its kernel may see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.container.errors import MasterError
from yarnkernel.errors import CredentialsError
from yarnkernel.hadoop.credentials import AMRM_TOKEN, TOKEN_FILE_VARIABLE, Credentials
from yarnkernel.store.master_launch import MasterLaunch, is_ours

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from yarnkernel.hadoop.credentials import Token

#: The kernel's token file, in the container's directory.
KERNEL_TOKENS = "yarnkernel-tokens"


def take_credentials(environ: MutableMapping[str, str]) -> tuple[MasterLaunch, Token]:
    """Hide the ApplicationMaster's credentials from the container's other processes.

    The file is deleted. Its other contents, such as tokens for HDFS, go to a new file, which the
    environment names.

    Parameters
    ----------
    environ : mutable mapping of str to str
        The environment of this process, which the kernel inherits; is changed.

    Returns
    -------
    MasterLaunch
        What the submitter has sent.
    Token
        The ApplicationMaster's own.

    Raises
    ------
    MasterError
        When they are missing or damaged.
    """
    try:
        return _take(environ)
    except CredentialsError as exc:
        raise MasterError(f"this cannot be the ApplicationMaster: {exc}") from exc


def _take(environ: MutableMapping[str, str]) -> tuple[MasterLaunch, Token]:
    location = environ.pop(TOKEN_FILE_VARIABLE, "")
    if not location:
        raise CredentialsError(
            f"this container has no credentials ({TOKEN_FILE_VARIABLE} is not set)"
        )
    file = Path(location)
    credentials = Credentials.read(file)
    token = credentials.token_of_kind(AMRM_TOKEN)
    if token is None:
        raise CredentialsError(f"{file} has no token of kind {AMRM_TOKEN}")
    launch = MasterLaunch.from_secrets(credentials.secrets)
    file.unlink(missing_ok=True)
    kernels = Credentials(
        {alias: other for alias, other in credentials.tokens.items() if other.kind != AMRM_TOKEN},
        {name: secret for name, secret in credentials.secrets.items() if not is_ours(name)},
    )
    if kernels.tokens or kernels.secrets:
        path = Path(KERNEL_TOKENS).absolute()
        kernels.write(path)
        environ[TOKEN_FILE_VARIABLE] = str(path)
    return launch, token


def hide_master_token(environ: MutableMapping[str, str]) -> None:
    """Give the kernel a token file without the token of skein's ApplicationMaster.

    Skein removes it only for the containers of services. Spark passes the kernel's tokens on to its
    executors, and whoever has this one can act for the application.

    Parameters
    ----------
    environ : mutable mapping of str to str
        The environment of this process, which the kernel inherits; is changed.
    """
    location = environ.get(TOKEN_FILE_VARIABLE, "")
    try:
        credentials = Credentials.read(Path(location))
    except CredentialsError:  # the kernel can do without
        return
    if credentials.token_of_kind(AMRM_TOKEN) is None:
        return
    kept = {name: one for name, one in credentials.tokens.items() if one.kind != AMRM_TOKEN}
    del environ[TOKEN_FILE_VARIABLE]
    if kept or credentials.secrets:
        path = Path(KERNEL_TOKENS).absolute()
        Credentials(kept, credentials.secrets).write(path)
        environ[TOKEN_FILE_VARIABLE] = str(path)
