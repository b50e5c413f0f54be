"""Who runs this, as Java and Hadoop see it."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_USER_VARIABLE = "HADOOP_USER_NAME"
PROXY_VARIABLE = "HADOOP_PROXY_USER"


def account() -> tuple[str, str]:
    """Name and home of the operating system's user; ``"?"`` as in Java where there are none."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return "?", "?"
    return entry.pw_name, entry.pw_dir


def user_name(variables: Mapping[str, str] = os.environ) -> str:
    """Who we are without Kerberos: ``HADOOP_USER_NAME``, else the operating system's user.

    Parameters
    ----------
    variables : mapping of str to str, optional
        Environment variables; ours by default.

    Raises
    ------
    UsageError
        When nobody has given us a name: Java's ``"?"`` would be everybody's without one.
    """
    name = variables.get(_USER_VARIABLE, "")
    if not name:
        name, _ = account()
        if name == "?":
            raise UsageError(
                f"there is no account with the user id {os.getuid()} on this machine; next: set "
                f"{_USER_VARIABLE}"
            )
    return name


def proxied_user(variables: Mapping[str, str] = os.environ) -> str:
    """For whom we act, ``HADOOP_PROXY_USER``; empty for ourselves."""
    return variables.get(PROXY_VARIABLE, "")
