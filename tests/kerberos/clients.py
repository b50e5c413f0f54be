"""Clients of the ResourceManager with other settings."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnkernel.hadoop.configuration import Configuration
from yarnkernel.hadoop.resource_manager import ResourceManager

if TYPE_CHECKING:
    from tests.support.wire import Wire


def changed(configuration: Configuration, **settings: str) -> Configuration:
    """The same cluster with other settings; their dots are written as double underscores."""
    others = {name.replace("__", "."): value for name, value in settings.items()}
    return Configuration(
        configuration.settings | others, configuration.source, configuration.environment
    )


def as_user(configuration: Configuration, principal: str) -> Configuration:
    environment = {**configuration.environment, "KRB5PRINCIPAL": principal}
    return Configuration(configuration.settings, configuration.source, environment)


def ask(configuration: Configuration, timeout: float = 20) -> int:
    """Ask the ResourceManager how many nodes there are."""
    with contextlib.closing(ResourceManager(configuration)) as resource_manager:
        return int(resource_manager.cluster_metrics(timeout).num_node_managers)


def through(wire: Wire, configuration: Configuration, protection: str) -> Configuration:
    return changed(
        configuration,
        yarn__resourcemanager__address=wire.address,
        hadoop__rpc__protection=protection,
    )
