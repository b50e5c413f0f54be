"""``--spark`` on YARN: derive a kernel's Spark settings from its application."""

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
    """Return whether a kernel is to have Spark, by an option or its specification's script."""
    scripts = [spec.master.script, *(service.script for service in spec.services.values())]
    return options.spark or any(re.search(r"recipe\b.*\s--spark(\s|$)", text) for text in scripts)


def check_spark(spec: skein.ApplicationSpec, options: LaunchOptions) -> None:
    """Check that Spark options can be used.

    Raises
    ------
    UsageError
        When there are some, and the kernel is not to have Spark.
    """
    if options.spark_settings() and not uses_spark(spec, options):
        raise UsageError(
            "--executors, --executor-memory and --spark-conf are for Spark; next: --spark"
        )


def spark_arguments(spec: skein.ApplicationSpec, options: LaunchOptions) -> list[str]:
    """Return the recipe's options for Spark in this application.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The complete specification.
    options : LaunchOptions
        The user's options.
    """
    place = {"spark.yarn.queue": spec.queue, "spark.app.name": spec.name}
    environment = kernel_part(spec).files.get(LINK_NAME)
    if environment is not None and not environment.source.startswith("file:"):
        # Executors get the kernel's environment.
        place["spark.yarn.dist.archives"] = f"{environment.source}#{LINK_NAME}"
    return [
        "--spark",
        *(f"--spark-place={name}={value}" for name, value in place.items()),
        *(f"--spark-conf={name}={value}" for name, value in options.spark_settings().items()),
    ]
