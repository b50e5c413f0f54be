"""The provisioner's own options, which a kernelspec has besides those for starting kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnkernel.declared import Options, check_names, option
from yarnkernel.kernels.options import OPTIONS, LaunchOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.option import Option

_GROUP = "front ends with the provisioner"


@dataclass(frozen=True)
class FrontEndOptions(Options):
    """Options that only the provisioner uses."""

    keep: bool | None = option(
        None,
        "whether a kernel goes on when its front end ends, so that it can be found again, until "
        "--orphan-timeout",
        unset="a server's kernels go on when that is killed",
        group=_GROUP,
        constants={"--keep": True, "--no-keep": False},
    )
    allowed_envs: list[str] = option(
        [],
        "variable of the front end to pass to the kernel; may be given again",
        metavar="NAME",
        group=_GROUP,
        spelled=("--allowed-env",),
    )


FRONT_END_OPTIONS = FrontEndOptions.table()
#: All options in the configuration of a kernelspec's provisioner, by name.
CONFIG: dict[str, Option] = {**OPTIONS, **FRONT_END_OPTIONS}


def read_config(values: Mapping[str, Any]) -> tuple[LaunchOptions, FrontEndOptions]:
    """Read the configuration of a kernelspec's provisioner.

    Raises
    ------
    UsageError
        For an unknown option or an invalid value.
    """
    check_names(values, CONFIG)
    launch = {name: value for name, value in values.items() if name in OPTIONS}
    own = {name: value for name, value in values.items() if name in FRONT_END_OPTIONS}
    return LaunchOptions.from_dict(launch), FrontEndOptions.from_dict(own)
