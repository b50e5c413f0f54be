"""Load application specifications: YAML files for skein's own model.

There is no other model and no extra field: ``skein application submit`` takes the same files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from yarnkernel.connection import KERNEL_HOME
from yarnkernel.errors import SpecError
from yarnkernel.shell import is_variable_name
from yarnkernel.yarn.application import TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import skein


def default_spec(name: str = "ipython.yaml") -> Path:
    """Return the path of a built-in specification, in the installed package or a checkout."""
    package = Path(str(resources.files("yarnkernel")))
    installed = package / "specs" / name
    return installed if installed.exists() else package.parent / "specs" / name


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
    """Return the master and the services of a specification, by their places in the file."""
    parts = {"master": content["master"]} if "master" in content else {}
    services = content.get("services") or {}
    return {**parts, **{f"services.{name}": service for name, service in services.items()}}


def _check_shape(path: Path, content: dict[str, Any]) -> None:
    """Check for missing mappings, for which skein raises a mere AttributeError."""
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


def _check_variables(path: Path, content: dict[str, Any]) -> None:
    for name, part in _named_parts(content).items():
        for variable in part.get("env") or {}:
            if not is_variable_name(str(variable)):
                raise SpecError(f"{path}: {name}.env: {variable!r} cannot name a variable")


#: Errors of skein's model and messages for values that they cannot hold.
_MODEL_ERRORS = (TypeError, ValueError, AttributeError, OverflowError)


def check_message(where: str, spec: skein.ApplicationSpec) -> None:
    """Check that all values fit into skein's messages, before any request to a cluster."""
    try:
        spec.to_protobuf()
    except _MODEL_ERRORS as exc:
        raise SpecError(f"{where}: {' '.join(str(exc).split())}") from exc


def _parts(content: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Yield a specification's parts, innermost first, each with the function that builds it."""
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

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
    the file says otherwise, only the submitter may view the application:
    skein's web page shows the key-value store, and so the kernel's key, to
    everybody when ``acls`` are off.

    Parameters
    ----------
    path : path
        A YAML (or JSON) file; see
        https://jcristharif.com/skein/specification.html for its fields.
    files_from : pathlib.Path, optional
        Directory that sources of files are relative to instead.

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
    from yarnkernel.store.skein_import import skein  # noqa: PLC0415  (slow to import)

    path = Path(path)
    content = _read_yaml(path)
    try:
        _check_shape(path, content)
    except SpecError:
        raise
    except ValueError as exc:  # an invalid URL as a source
        raise SpecError(f"{path}: {exc}") from exc
    origin = str((files_from or path.parent).absolute())
    # Parts first, as skein's errors do not name the part.
    for where, build, part in _parts(content):
        _build(f"{path}: {where}", build, part, origin)
    spec = _build(str(path), skein.ApplicationSpec.from_dict, content, origin)
    _check_files(path, spec)
    _check_variables(path, content)
    for one in (spec.master, *spec.services.values()):
        if "HOME" in one.env:  # YARN overrides it
            one.env = {**one.env, KERNEL_HOME: one.env["HOME"]}
    if "enable" not in (content.get("acls") or {}):
        spec.acls.enable = True
    spec.tags = {*spec.tags, TAG}
    check_message(str(path), spec)
    return spec
