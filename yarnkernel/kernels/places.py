"""Which place a kernel runs at."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.kernels.place import Place

#: By the interface: the module whose function ``open_place`` returns it. They stand higher than
#: this one, which therefore knows their names alone.
_PLACES = {"yarn": "yarnkernel.yarn.place"}
#: The interface of a kernel that nothing else is said of.
DEFAULT = "yarn"


def open_place(interface: str = DEFAULT, cluster: ClusterEnvironment | None = None) -> Place:
    """Return a place.

    Parameters
    ----------
    interface : str, default "yarn"
        Its interface.
    cluster : ClusterEnvironment, optional
        Which cluster. By default the one that the user's environment names.

    Raises
    ------
    UsageError
        When there is no such interface.
    """
    if interface not in _PLACES:
        raise UsageError(f"there is no interface {interface!r}; there are {', '.join(_PLACES)}")
    opened: Place = import_module(_PLACES[interface]).open_place(cluster)
    return opened
