"""The protection of Hadoop RPC connections: ``hadoop.rpc.protection``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import AuthenticationError, HadoopConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnkernel.hadoop.configuration import Configuration

_SETTING = "hadoop.rpc.protection"
_PROTECTIONS = ("authentication", "integrity", "privacy")


def wanted_protections(configuration: Configuration) -> list[str]:
    """Return acceptable protections in order of preference: ``hadoop.rpc.protection``.

    Raises
    ------
    HadoopConfigurationError
        When it has an unknown word.
    """
    wanted = [word.lower() for word in configuration.get_list(_SETTING)]
    for word in wanted:
        if word not in _PROTECTIONS:
            raise HadoopConfigurationError(
                f"{configuration.source}: {_SETTING} has {word!r}, which is none of "
                f"{', '.join(_PROTECTIONS)}"
            )
    return wanted or ["authentication"]


def no_common_protection(offered: Iterable[str], wanted: Iterable[str]) -> AuthenticationError:
    """Return the error for a server that offers nothing that the site files accept."""
    return AuthenticationError(
        f"the server's {_SETTING} is {','.join(offered)}, and that of the site files "
        f"here {','.join(wanted)}"
    )
