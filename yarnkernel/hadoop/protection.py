"""What two sides of Hadoop RPC agree on: ``hadoop.rpc.protection``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.errors import AuthenticationError, HadoopConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnkernel.hadoop.configuration import Configuration

_SETTING = "hadoop.rpc.protection"
_PROTECTIONS = ("authentication", "integrity", "privacy")


def wanted_protections(configuration: Configuration) -> list[str]:
    """Return what a connection may agree on, the best first: ``hadoop.rpc.protection``.

    Raises
    ------
    HadoopConfigurationError
        When it has a word that is none.
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
    """Say that the server offers nothing that the site files ask for."""
    return AuthenticationError(
        f"the server's {_SETTING} is {','.join(offered)}, and that of the site files "
        f"here {','.join(wanted)}"
    )
