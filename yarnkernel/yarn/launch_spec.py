"""Build the specification of the application to submit for one kernel."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.cluster.spark_java import reason_against_spark
from yarnkernel.connection import KERNEL_KEYS, RECIPE_OPTIONS, write_connection_file
from yarnkernel.environment.choice import check_is_there, choose_environment
from yarnkernel.environment.recipe_archive import recipe_archive
from yarnkernel.environment.staging import stage
from yarnkernel.errors import ClusterError
from yarnkernel.hadoop.file_system import find_file_system
from yarnkernel.kernels.travelling import check_files
from yarnkernel.progress import Progress
from yarnkernel.yarn.given_files import add_given_files
from yarnkernel.yarn.spark import check_spark, spark_arguments, uses_spark
from yarnkernel.yarn.spec import default_spec, load_spec
from yarnkernel.yarn.spec_changes import (
    add_environment,
    add_file,
    add_recipe,
    add_variables,
    override,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import skein

    from yarnkernel.cluster.find import ClusterEnvironment
    from yarnkernel.deadline import Deadline
    from yarnkernel.environment.push import Pusher
    from yarnkernel.kernels.options import LaunchOptions
    from yarnkernel.progress import Report


def spec_path(options: LaunchOptions) -> Path:
    """Return the path of the specification; one in ``specs`` if the options name none."""
    return Path(options.spec or default_spec("pyspark.yaml" if options.spark else "ipython.yaml"))


def load(options: LaunchOptions) -> skein.ApplicationSpec:
    """Load a specification and apply the options to it.

    The environment is checked but not added, as it may have to be packed first; see
    :func:`complete`.

    Raises
    ------
    UsageError
        When that cannot be done.
    """
    check_is_there(options.environment)
    check_files(options.files)
    files_from = Path(options.files_from) if options.files_from else None
    spec = load_spec(spec_path(options), files_from)
    check_spark(spec, options)
    override(
        spec,
        queue=options.queue or None,
        memory=options.memory or None,
        vcores=options.vcores or None,
        node_label=options.node_label or None,
        name=options.name or None,
        own_credentials=options.own_credentials,
    )
    return spec


def complete(
    spec: skein.ApplicationSpec,
    options: LaunchOptions,
    cluster: Callable[[], ClusterEnvironment],
    pusher: Pusher,
    *,
    scratch: Path,
    report: Report,
    recipe_options: Sequence[str] = (),
    keys: Mapping[str, str] | None = None,
) -> None:
    """Add to a specification what has to be made first or belongs to a single start.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        From :func:`load`; it is changed in place.
    options : LaunchOptions
        The options of the start.
    cluster : callable
        Finds the cluster; needed for the environment.
    pusher : Pusher
        Packs and uploads the environment if necessary.
    scratch : pathlib.Path
        Directory for new files; has to exist until the application is submitted.
    report : callable
        Called with each step.
    recipe_options : sequence of str, optional
        Further options for the recipe.
    keys : mapping of str to str, optional
        Those of the kernel's connection info. Without them, or if no key may be sent, the container
        makes its own.

    Raises
    ------
    UsageError, PackError, ClusterFileError
        When that cannot be done.
    """
    if len(spec.services) > 1:
        # Which service runs the kernel is unknown, and ``--verbose`` is not worth an error.
        options = dataclasses.replace(options, verbose=False)
    recipe = [*recipe_options, *options.recipe_options()]
    if keys is not None and not options.sealed:
        write_connection_file(dict(keys), scratch / KERNEL_KEYS)
        add_file(spec, KERNEL_KEYS, scratch / KERNEL_KEYS)
        recipe = ["--key-file", KERNEL_KEYS, *recipe]
    if options.environment:
        add_environment(spec, choose_environment(options.environment, pusher, cluster))
        if url := _stage_recipe(cluster(), pusher.deadline, scratch, report):
            add_recipe(spec, url)
    if options.files:
        add_given_files(spec, check_files(options.files), scratch, pusher.deadline)
    if uses_spark(spec, options):
        recipe = [*spark_arguments(spec, options), *recipe]
        if reason := reason_against_spark(cluster()):
            report(Progress("warning", reason=reason))
    variables = {RECIPE_OPTIONS: shlex.join(recipe)} if recipe else {}
    add_variables(spec, {**options.env, **variables})


def _stage_recipe(
    cluster: ClusterEnvironment, deadline: Deadline, scratch: Path, report: Report
) -> str:
    """Upload the recipe to the cluster, and return its URL; empty if that fails.

    A user who cannot upload files may still use an environment that contains the recipe.
    """
    archive = scratch / "recipe.zip"
    archive.write_bytes(recipe_archive()[1])
    try:
        url = stage(archive, cluster, deadline, report)
        find_file_system(cluster.configuration, url)  # else only skein's driver could submit
    except ClusterError as exc:
        if isinstance(exc, TimeoutError):
            raise
        reason = f"the recipe does not travel, so that the environment needs yarnkernel: {exc}"
        report(Progress("warning", reason=reason))
        return ""
    return url
