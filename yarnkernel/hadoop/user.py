"""Who runs this, as Java and Hadoop see it."""

from __future__ import annotations

import os
import pwd


def account() -> tuple[str, str]:
    """Name and home of the operating system's user; ``"?"`` as in Java where there are none."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return "?", "?"
    return entry.pw_name, entry.pw_dir


def user_name() -> str:
    """Who we are without Kerberos: ``HADOOP_USER_NAME``, else the operating system's user."""
    return os.environ.get("HADOOP_USER_NAME") or account()[0]
