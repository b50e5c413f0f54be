"""``--spark`` on YARN: what follows from an application for the Spark of its kernel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnkernel.environment.choice import LINK_NAME
from yarnkernel.errors import UsageError
from yarnkernel.yarn.spec_changes import kernel_part

if TYPE_CHECKING:
    import skein

    from yarnkernel.kernels.options import LaunchOptions


def uses_spark(spec: skein.ApplicationSpec, options: LaunchOptions) -> bool:
    """Whether a kernel is made ready for Spark, by an option or by its specification's script."""
    scripts = [spec.master.script, *(service.script for service in spec.services.values())]
    return options.spark or any(re.search(r"recipe\b.*\s--spark(\s|$)", text) for text in scripts)


def check_spark(spec: skein.ApplicationSpec, options: LaunchOptions) -> None:
    """Make sure that options of Spark can be used.

    Raises
    ------
    UsageError
        When they say nothing, or to a kernel that is not made ready for it.
    """
    if options.spark_settings() and not uses_spark(spec, options):
        raise UsageError(
            "--executors, --executor-memory and --spark-conf are for Spark; next: --spark"
        )


def spark_arguments(spec: skein.ApplicationSpec, options: LaunchOptions) -> list[str]:
    """Return options of the recipe with what its application says of Spark.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        With all that it is going to have.
    options : LaunchOptions
        What the user says.
    """
    place = {"spark.yarn.queue": spec.queue, "spark.app.name": spec.name}
    environment = kernel_part(spec).files.get(LINK_NAME)
    if environment is not None and not environment.source.startswith("file:"):
        # Executors get the environment that the kernel has.
        place["spark.yarn.dist.archives"] = f"{environment.source}#{LINK_NAME}"
    return [
        "--spark",
        *(f"--spark-place={name}={value}" for name, value in place.items()),
        *(f"--spark-conf={name}={value}" for name, value in options.spark_settings().items()),
    ]
