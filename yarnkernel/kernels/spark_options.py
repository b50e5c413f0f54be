"""Options of a kernel that uses Spark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.declared import Options, option
from yarnkernel.errors import UsageError
from yarnkernel.kernels.interfaces import YARN
from yarnkernel.sizes import parse_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPARK = "Spark"
_EXECUTORS = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
#: Seconds after which an executor is released that is only needed for its shuffle files.
_SHUFFLE_TIMEOUT = 1800


def _check_executors(text: str) -> None:
    found = _EXECUTORS.fullmatch(text)
    if found is None or int(found[2] or found[1]) < max(1, int(found[1])):
        raise UsageError(f"--executors {text!r}: write a number, or MIN-MAX as in 0-10")


def _check_settings(settings: Sequence[str]) -> None:
    for text in settings:
        name, equals, _ = text.partition("=")
        if not equals or not re.fullmatch(r"spark\.[^\s=:]+", name):
            shown = f" {name!r}" if equals else ""  # it may be a secret
            raise UsageError(f"--spark-conf{shown}: write NAME=VALUE, as in spark.ui.port=4050")


@dataclass(frozen=True)
class SparkOptions(Options):
    """The Spark options of :class:`yarnkernel.kernels.options.LaunchOptions`."""

    spark: bool = option(
        default=False,
        help="make the kernel ready for Spark: `spark` and `sc` are there when a cell reads them, "
        "with executors in the same queue and the same environment; with specs/pyspark.yaml where "
        "no specification is named",
        group=_SPARK,
        only=(YARN,),
        per_launch=True,
    )
    executors: str = option(
        "",
        "how many executors Spark has, or from how many up to how many, as its work needs them",
        unset="what the site's spark-defaults.conf says, else Spark's own 2",
        metavar="N|MIN-MAX",
        group=_SPARK,
        only=(YARN,),
        per_launch=True,
        also=_check_executors,
    )
    executor_memory: str = option(
        "",
        'heap of each executor, such as "4 GiB" or 4g',
        unset="what the site's spark-defaults.conf says, else Spark's own 1 GiB",
        unit="MiB",
        metavar="MEMORY",
        group=_SPARK,
        only=(YARN,),
        per_launch=True,
    )
    spark_conf: list[str] = option(
        [],
        "setting of Spark, which wins over the site's and over ours; may be given again",
        metavar="NAME=VALUE",
        group=_SPARK,
        only=(YARN,),
        secret=True,
        also=_check_settings,
    )

    def spark_settings(self) -> dict[str, str]:
        """Return Spark's settings.

        Raises
        ------
        UsageError
            When the memory is not a size.
        """
        settings: dict[str, str] = {}
        if found := _EXECUTORS.fullmatch(self.executors):
            prefix = "spark.dynamicAllocation"
            if found[2] is None:
                settings |= {f"{prefix}.enabled": "false", "spark.executor.instances": found[1]}
            else:
                settings |= {
                    f"{prefix}.enabled": "true",
                    f"{prefix}.minExecutors": found[1],
                    f"{prefix}.initialExecutors": found[1],
                    f"{prefix}.maxExecutors": found[2],
                    f"{prefix}.shuffleTracking.enabled": "true",
                    f"{prefix}.shuffleTracking.timeout": f"{_SHUFFLE_TIMEOUT}s",
                }
        if self.executor_memory:
            memory = parse_memory(self.executor_memory, "--executor-memory")
            settings["spark.executor.memory"] = f"{memory}m"
        for text in self.spark_conf:
            name, _, value = text.partition("=")
            settings[name] = value
        return settings
