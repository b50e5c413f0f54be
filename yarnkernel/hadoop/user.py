"""The current user, as seen by Java and Hadoop."""

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
    """Return the operating system user's name and home; ``"?"`` for unknown ones, as in Java."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return "?", "?"
    return entry.pw_name, entry.pw_dir


def user_name(variables: Mapping[str, str] = os.environ) -> str:
    """Return the user without Kerberos: ``HADOOP_USER_NAME``, else the operating system's.

    Parameters
    ----------
    variables : mapping of str to str, optional
        Environment variables; by default those of this process.

    Raises
    ------
    UsageError
        When the user has no name: Java's ``"?"`` would be shared by all users without one.
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
    """Return the user to act for, ``HADOOP_PROXY_USER``; empty for none."""
    return variables.get(PROXY_VARIABLE, "")
