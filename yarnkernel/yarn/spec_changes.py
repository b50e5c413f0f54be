"""Changes that options make to an application's specification."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from yarnkernel.connection import RECIPE_DIRECTORY
from yarnkernel.environment.stored import TAG_PREFIX
from yarnkernel.errors import UsageError
from yarnkernel.shell import export_lines, is_variable_name
from yarnkernel.sizes import parse_memory
from yarnkernel.yarn.application import UNIQUE_TAG_PREFIX
from yarnkernel.yarn.spec import check_message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import skein

    from yarnkernel.environment.choice import Environment

#: MiB of its container that skein's ApplicationMaster (a JVM with a heap of 128 MiB) takes.
AM_MEMORY = 300


def kernel_part(spec: skein.ApplicationSpec) -> skein.Master | skein.Service:
    """Return the part of a specification whose script runs the kernel."""
    if not spec.services:
        return spec.master
    if len(spec.services) == 1:
        return next(iter(spec.services.values()))
    raise UsageError(
        "options of the kernel, such as --memory and --env, need a specification with one service; "
        f"this one has {', '.join(sorted(spec.services))}"
    )


def override(
    spec: skein.ApplicationSpec,
    *,
    queue: str | None = None,
    memory: str | None = None,
    vcores: int | None = None,
    node_label: str | None = None,
    name: str | None = None,
    own_credentials: bool = False,
) -> None:
    """Change a specification in place according to command-line options.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification.
    queue : str, optional
        Queue of the application.
    memory : str, optional
        Memory for the kernel, such as ``"2 GiB"``; MiB without a unit. A kernel
        in ``master.script`` shares its container with skein's
        ApplicationMaster, which gets 300 MiB more.
    vcores : int, optional
        Virtual cores of the kernel's container.
    node_label : str, optional
        Label of the nodes to run on.
    name : str, optional
        Name of the application.
    own_credentials : bool, default False
        Whether it gets its own certificate and key instead of the user's.

    Raises
    ------
    UsageError
        When YARN cannot take a value.
    """
    if queue is not None:
        spec.queue = queue
    if node_label is not None:
        spec.node_label = node_label
    if name is not None:
        spec.name = name
    if memory is not None or vcores is not None:
        _override_kernel(kernel_part(spec), spec, memory, vcores)
    if own_credentials:
        from yarnkernel.store.credentials import new_pair  # noqa: PLC0415  (skein)

        spec.master.security = new_pair()
    check_message("these options", spec)


def _override_kernel(
    part: skein.Master | skein.Service,
    spec: skein.ApplicationSpec,
    memory: str | None,
    vcores: int | None,
) -> None:
    if memory is not None:
        part.resources.memory = parse_memory(memory) + (AM_MEMORY if part is spec.master else 0)
    if vcores is not None:
        if vcores < 1:
            raise UsageError(f"--vcores {vcores}: has to be 1 or more")
        part.resources.vcores = vcores


def add_environment(spec: skein.ApplicationSpec, environment: Environment) -> None:
    """Make an application's kernel run in an environment.

    Its activation comes first in the script, before any ``set -u``, which conda-pack's ``activate``
    does not support. An archive replaces a file of the specification with the same name,
    ``environment``. It adds a tag, by which ``yarnkernel env prune`` knows that it is in use.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification, which is changed in place.
    environment : Environment
        From :func:`yarnkernel.environment.choice.choose_environment`.

    Raises
    ------
    UsageError
        When it is unclear which part of the application is the kernel.
    """
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = kernel_part(spec)
    part.script = f"{environment.activation}\n{part.script}"
    for name, archive in environment.files.items():
        file = skein.File(archive.url, type="ARCHIVE", visibility=archive.visibility)
        part.files = {**part.files, name: file}
        if archive.digest:
            spec.tags = {*spec.tags, f"{TAG_PREFIX}{archive.digest}"}
    check_message("--environment", spec)


def add_recipe(spec: skein.ApplicationSpec, url: str) -> None:
    """Make an application's kernel run with an uploaded recipe.

    Its script finds that recipe before any in its environment.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification, which is changed in place.
    url : str
        Where the recipe is on the cluster.
    """
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = kernel_part(spec)
    # Nodes keep private files for later applications, including the bytecode that Python adds.
    part.files = {
        **part.files,
        RECIPE_DIRECTORY: skein.File(url, type="ARCHIVE", visibility="PRIVATE"),
    }
    path = f'"$PWD/{RECIPE_DIRECTORY}${{PYTHONPATH:+:$PYTHONPATH}}"'
    part.script = f"export PYTHONPATH={path}\n{part.script}"


def add_file(spec: skein.ApplicationSpec, name: str, path: Path) -> None:
    """Add a file of this machine to the kernel's container, uploaded for this application only.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification, which is changed in place.
    name : str
        Its name in the container.
    path : pathlib.Path
        The file.
    """
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = kernel_part(spec)
    part.files = {**part.files, name: skein.File(f"file://{path}", visibility="APPLICATION")}


def add_variables(spec: skein.ApplicationSpec, variables: Mapping[str, str]) -> None:
    """Add environment variables to an application's kernel, with literal values.

    They are in the script, which only its user can read: a container's own variables appear in its
    logs. They come first: nothing may be prepended to the script after this.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification, which is changed in place.
    variables : mapping of str to str
        Their values by name.

    Raises
    ------
    UsageError
        When a shell cannot export one of them.
    """
    for name in variables:
        if not is_variable_name(name):
            raise UsageError(
                f"{name!r} cannot be the name of a variable: letters of ASCII, digits and '_' can"
            )
    if variables:
        part = kernel_part(spec)
        part.script = export_lines(variables) + part.script
        check_message("the variables", spec)


def add_unique_tag(spec: skein.ApplicationSpec) -> None:
    """Tag an application so that it can be found if its id does not arrive."""
    spec.tags = {*spec.tags, f"{UNIQUE_TAG_PREFIX}{uuid.uuid4().hex}"}
