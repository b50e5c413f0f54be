"""The application specification: a YAML file to skein's own model, with overrides.

There is no model of our own and no extra field: ``skein application submit``
takes the same files.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from yarnkernel.application import ENVIRONMENT_TAG_PREFIX, TAG, UNIQUE_TAG_PREFIX
from yarnkernel.errors import SpecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import skein

    from yarnkernel.environment.choice import Environment

#: MiB that skein's ApplicationMaster (a JVM with a heap of 128 MiB) takes of its container.
AM_MEMORY = 300


def default_spec() -> Path:
    """Path of ``specs/ipython.yaml``, in the installed package or in a checkout."""
    package = Path(str(resources.files("yarnkernel")))
    installed = package / "specs" / "ipython.yaml"
    return installed if installed.exists() else package.parent / "specs" / "ipython.yaml"


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415  (slow to import)

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SpecError(f"cannot read the specification {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SpecError(f"{path}: not text in UTF-8") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SpecError(f"{path}{where}: {exc.problem or 'not YAML'}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise SpecError(f"{path}: {' '.join(str(exc).split())}") from exc
    if not isinstance(content, dict):
        raise SpecError(f"{path}: not an application specification (it holds no mapping)")
    return content


def _named_parts(content: dict[str, Any]) -> dict[str, Any]:
    """The master and the services of a specification, by their places in the file."""
    parts = {"master": content["master"]} if "master" in content else {}
    services = content.get("services") or {}
    return {**parts, **{f"services.{name}": service for name, service in services.items()}}


def _check_shape(path: Path, content: dict[str, Any]) -> None:
    """Say where a mapping is missing; skein answers those with an AttributeError."""
    services = content.get("services") or {}
    if not isinstance(services, Mapping):
        raise SpecError(f"{path}: 'services' has to be a mapping of names to services")
    for name, part in _named_parts(content).items():
        if not isinstance(part, Mapping):
            raise SpecError(f"{path}: '{name}' has to be a mapping")
        if name != "master" and "resources" not in part:
            raise SpecError(f"{path}: '{name}' has no 'resources'")
        for field in ("files", "env", "resources"):
            if not isinstance(part.get(field) or {}, Mapping):
                raise SpecError(f"{path}: '{name}.{field}' has to be a mapping")
        for key, file in (part.get("files") or {}).items():
            source = str(file.get("source") if isinstance(file, Mapping) else file)
            if urlparse(source).scheme in ("", "file") and ("#" in source or "?" in source):
                raise SpecError(f"{path}: {name}.files.{key}: skein cuts paths at '#' and '?'")


def _check_files(path: Path, spec: skein.ApplicationSpec) -> None:
    for part in (spec.master, *spec.services.values()):
        for name, file in part.files.items():
            url = urlparse(file.source)
            if url.scheme != "file":
                continue
            if not os.path.exists(url.path) and not os.path.exists(unquote(url.path)):  # noqa: PTH110  (never raises)
                raise SpecError(f"{path}: files.{name}: there is no file {url.path}")


#: What skein's model and its messages make of values that they cannot hold.
_MODEL_ERRORS = (TypeError, ValueError, AttributeError, OverflowError)


def _check_message(where: str, spec: skein.ApplicationSpec) -> None:
    """Make sure that all values fit into skein's messages, before a cluster is asked."""
    try:
        spec.to_protobuf()
    except _MODEL_ERRORS as exc:
        raise SpecError(f"{where}: {' '.join(str(exc).split())}") from exc


def _parts(content: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Parts of a specification, innermost first, each with what makes skein's model of it."""
    from yarnkernel.skein_import import skein  # noqa: PLC0415  (slow to import)

    for name, part in _named_parts(content).items():
        if part.get("resources"):
            yield f"{name}.resources", skein.Resources.from_dict, part["resources"]
        yield name, (skein.Master if name == "master" else skein.Service).from_dict, part


def _build(where: str, build: Callable[..., Any], part: Any, origin: str) -> Any:
    options = {} if where.endswith(".resources") else {"_origin": origin}
    try:
        return build(part, **options)
    except _MODEL_ERRORS as exc:
        reason = " ".join(str(exc).split())
        if reason == "There must be at least one service":
            reason = "there has to be a 'master.script' or a service"
        raise SpecError(f"{where}: {reason}") from exc


def load_spec(path: str | Path, files_from: Path | None = None) -> skein.ApplicationSpec:
    """Load an application specification.

    Sources of files are relative to the specification's own directory. Unless
    the file says otherwise, only the submitter may look at the application:
    skein's web page shows the key-value store, and so the kernel's key, to
    everybody when ``acls`` are off.

    Parameters
    ----------
    path : path
        A YAML (or JSON) file; see
        https://jcristharif.com/skein/specification.html for its fields.
    files_from : pathlib.Path, optional
        What sources of files are relative to, instead.

    Returns
    -------
    skein.ApplicationSpec
        With the tag ``yarnkernel``.

    Raises
    ------
    SpecError
        When the file cannot be read, is not YAML, or has an unknown field, a
        wrong type or a file that does not exist.
    """
    from yarnkernel.skein_import import skein  # noqa: PLC0415  (slow to import)

    path = Path(path)
    content = _read_yaml(path)
    try:
        _check_shape(path, content)
    except SpecError:
        raise
    except ValueError as exc:  # a source that is no URL
        raise SpecError(f"{path}: {exc}") from exc
    origin = str((files_from or path.parent).absolute())
    # Parts first: skein's errors do not tell which one they are about.
    for where, build, part in _parts(content):
        _build(f"{path}: {where}", build, part, origin)
    spec = _build(str(path), skein.ApplicationSpec.from_dict, content, origin)
    _check_files(path, spec)
    if "enable" not in (content.get("acls") or {}):
        spec.acls.enable = True
    spec.tags = {*spec.tags, TAG}
    _check_message(str(path), spec)
    return spec


def _kernel_part(spec: skein.ApplicationSpec) -> skein.Master | skein.Service:
    """The part of a specification whose script runs the kernel."""
    if not spec.services:
        return spec.master
    if len(spec.services) == 1:
        return next(iter(spec.services.values()))
    raise UsageError(
        "--memory, --vcores, --env and --environment need a specification with one service; "
        f"this one has {', '.join(sorted(spec.services))}"
    )


def override(
    spec: skein.ApplicationSpec,
    *,
    queue: str | None = None,
    memory: str | None = None,
    vcores: int | None = None,
    env: Mapping[str, str] | None = None,
    node_label: str | None = None,
    name: str | None = None,
    own_credentials: bool = False,
) -> None:
    """Change a specification in place, as the options of the command line ask for.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification.
    queue : str, optional
        Queue of the application.
    memory : str, optional
        What the kernel gets, such as ``"2 GiB"``; without a unit MiB. A kernel
        in ``master.script`` shares its container with skein's
        ApplicationMaster, which gets 300 MiB more.
    vcores : int, optional
        Virtual cores of the kernel's container.
    env : mapping, optional
        Environment variables of the kernel, added to those of the specification.
    node_label : str, optional
        Only on nodes with this label.
    name : str, optional
        Name of the application.
    own_credentials : bool, default False
        Whether it gets a certificate and key of its own, instead of the user's.

    Raises
    ------
    UsageError
        When a value is not one that YARN can take.
    """
    if queue is not None:
        spec.queue = queue
    if node_label is not None:
        spec.node_label = node_label
    if name is not None:
        spec.name = name
    if memory is not None or vcores is not None or env:
        _override_kernel(_kernel_part(spec), spec, memory, vcores, env or {})
    if own_credentials:
        from yarnkernel.application_credentials import new_pair  # noqa: PLC0415  (skein)

        spec.master.security = new_pair()
    _check_message("these options", spec)


def _override_kernel(
    part: skein.Master | skein.Service,
    spec: skein.ApplicationSpec,
    memory: str | None,
    vcores: int | None,
    env: Mapping[str, str],
) -> None:
    from yarnkernel.skein_import import skein  # noqa: PLC0415  (slow to import)

    if memory is not None:
        try:
            mebibytes = skein.model.parse_memory(memory)
        except (ValueError, OverflowError) as exc:
            raise UsageError(f"--memory {memory!r}: {exc}") from exc
        if mebibytes < 1:
            raise UsageError(f"--memory {memory!r}: has to be 1 MiB or more")
        part.resources.memory = mebibytes + (AM_MEMORY if part is spec.master else 0)
    if vcores is not None:
        if vcores < 1:
            raise UsageError(f"--vcores {vcores}: has to be 1 or more")
        part.resources.vcores = vcores
    part.env = {**part.env, **env}


def add_environment(spec: skein.ApplicationSpec, environment: Environment) -> None:
    """Let an application's kernel run in an environment.

    Its activation comes first in the script, before that may switch on
    ``set -u``, which conda-pack's ``activate`` does not stand. An archive replaces
    a file of the specification with the same name, ``environment``. It leaves a
    tag, by which ``yarnkernel env prune`` knows that it is in use.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification; is changed.
    environment : Environment
        From :func:`yarnkernel.environment.choice.choose_environment`.

    Raises
    ------
    UsageError
        When it cannot be told which part of the application is the kernel.
    """
    from yarnkernel.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = _kernel_part(spec)
    part.script = f"{environment.activation}\n{part.script}"
    for name, archive in environment.files.items():
        file = skein.File(archive.url, type="ARCHIVE", visibility=archive.visibility)
        part.files = {**part.files, name: file}
        if archive.digest:
            spec.tags = {*spec.tags, f"{ENVIRONMENT_TAG_PREFIX}{archive.digest}"}
    _check_message("--environment", spec)


def add_file(spec: skein.ApplicationSpec, name: str, path: Path) -> None:
    """Give an application's kernel a file of this machine, which is uploaded for it alone.

    Parameters
    ----------
    spec : skein.ApplicationSpec
        The specification; is changed.
    name : str
        Its name in the container.
    path : pathlib.Path
        The file.
    """
    from yarnkernel.skein_import import skein  # noqa: PLC0415  (slow to import)

    part = _kernel_part(spec)
    part.files = {**part.files, name: skein.File(f"file://{path}", visibility="APPLICATION")}


def add_variables(spec: skein.ApplicationSpec, variables: Mapping[str, str]) -> None:
    """Give an application's kernel environment variables."""
    part = _kernel_part(spec)
    part.env = {**part.env, **variables}


def add_unique_tag(spec: skein.ApplicationSpec) -> None:
    """Tag an application so that it can be found when its id did not arrive."""
    spec.tags = {*spec.tags, f"{UNIQUE_TAG_PREFIX}{uuid.uuid4().hex}"}
