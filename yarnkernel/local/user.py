"""The user who runs a local cluster."""

from __future__ import annotations

import os
import pwd

from yarnkernel.errors import UsageError


def local_user() -> str:
    """Return the account's name, as seen by Hadoop's daemons.

    Raises
    ------
    UsageError
        When there is no account, which Java needs for the login.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise UsageError(
            f"there is no account with the user id {os.getuid()} on this machine, and Hadoop's "
            "daemons need one"
        ) from None
