"""Writes, reads, finds and removes kernelspecs that start kernels with yarnkernel.

https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from yarnkernel.errors import UsageError

#: The name of the provisioner's entry point; see pyproject.toml.
PROVISIONER = "yarn-provisioner"
#: The module that front ends without provisioners run.
LAUNCHER = "yarnkernel.jupyter.launcher"
#: The specification in a kernelspec's directory.
SPEC_FILE = "spec.yaml"


@dataclass(frozen=True)
class Kernelspec:
    """An installed kernelspec.

    Attributes
    ----------
    name : str
        Its name in front ends.
    directory : pathlib.Path
        Where it is installed.
    content : dict
        Its ``kernel.json``.
    """

    name: str
    directory: Path
    content: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it starts kernels with yarnkernel."""
        return LAUNCHER in self.argv or self.has_provisioner

    @property
    def argv(self) -> list[str]:
        """The command that front ends without provisioners run."""
        argv = self.content.get("argv")
        return [str(part) for part in argv] if isinstance(argv, list) else []

    @property
    def launcher_arguments(self) -> list[str]:
        """The launcher's arguments in it."""
        argv = self.argv
        return argv[argv.index(LAUNCHER) + 1 :] if LAUNCHER in argv else []

    @property
    def _provisioner(self) -> dict[str, Any]:
        return _mapping(_mapping(self.content, "metadata"), "kernel_provisioner")

    @property
    def has_provisioner(self) -> bool:
        """Whether it names the provisioner; otherwise it has only the launcher."""
        return bool(self._provisioner.get("provisioner_name") == PROVISIONER)

    @property
    def config(self) -> dict[str, Any]:
        """The provisioner's configuration; the launcher gets the same as arguments."""
        return _mapping(self._provisioner, "config")


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Read a part of a file that anybody may have edited."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def check_name(name: str) -> str:
    """Return the name if a kernelspec can have it.

    Raises
    ------
    UsageError
        When it has other characters than letters, digits and ``._-``
        (jupyter_client/kernelspec.py), or begins with a dot, as ``..`` does.
    """
    if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name):
        return name
    raise UsageError(
        f"{name!r} cannot name a kernelspec: letters, digits, '.', '_' and '-' can, "
        "the first no '.'"
    )


def kernels_directory(prefix: Path | None) -> Path:
    """Return the directory of kernelspecs: below a prefix, or the user's own."""
    from jupyter_core.paths import jupyter_data_dir  # noqa: PLC0415  (slow to import)

    data = prefix / "share" / "jupyter" if prefix else Path(jupyter_data_dir())
    return data.absolute() / "kernels"


def find_kernelspecs() -> dict[str, Kernelspec]:
    """Return all kernelspecs that Jupyter finds.

    Returns
    -------
    dict of str to Kernelspec
        The kernelspecs by name, without those whose ``kernel.json`` cannot be read.
    """
    from jupyter_client.kernelspec import KernelSpecManager  # noqa: PLC0415  (slow to import)

    manager = KernelSpecManager(ensure_native_kernel=False)
    found = {}
    for name, directory in sorted(manager.find_kernel_specs().items()):
        if (spec := read_kernelspec(name, Path(directory))) is not None:
            found[name] = spec
    return found


def read_kernelspec(name: str, directory: Path) -> Kernelspec | None:
    """Read a kernelspec; None when its ``kernel.json`` cannot be read."""
    try:
        content = json.loads((directory / "kernel.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Kernelspec(name, directory, content) if isinstance(content, dict) else None


def variables_in(directory: Path | None) -> dict[str, str]:
    """Read the kernel's environment variables from a kernelspec's ``kernel.json``.

    Its command does not contain them, as command lines are visible to all users of a machine.

    Parameters
    ----------
    directory : pathlib.Path or None
        The kernelspec's directory, if it is known.
    """
    found = None if directory is None else read_kernelspec("", directory)
    return {} if found is None else _variables(found.content)


def _variables(content: dict[str, Any]) -> dict[str, str]:
    metadata = _mapping(content, "metadata")
    config = _mapping(_mapping(metadata, "kernel_provisioner"), "config")
    env = _mapping(config or _mapping(metadata, "yarnkernel"), "env")
    return {str(name): str(value) for name, value in env.items()}


def find_installed(name: str, *, next_step: str = "jupyter kernelspec list") -> Kernelspec:
    """Return an installed kernelspec, whatever tool it belongs to.

    Raises
    ------
    UsageError
        When there is no kernelspec with this name.
    """
    known = find_kernelspecs()
    spec = known.get(name.lower()) or known.get(name)
    if spec is None:
        raise UsageError(f"there is no kernelspec {name!r}; next: {next_step}")
    return spec


def find_kernelspec(name: str) -> Kernelspec:
    """Return one of yarnkernel's kernelspecs.

    Raises
    ------
    UsageError
        When there is no kernelspec with this name, or it is not yarnkernel's.
    """
    spec = find_installed(name, next_step="yarnkernel kernelspec list")
    if not spec.is_ours:
        raise UsageError(f"the kernelspec {name!r} in {spec.directory} is not yarnkernel's")
    return spec


def write_kernelspec(
    name: str,
    kernels: Path,
    content: dict[str, Any],
    spec: Path | None,
    *,
    replace: bool = False,
    private: bool = False,
    logos: tuple[Path, ...] = (),
) -> Kernelspec:
    """Install a kernelspec atomically.

    Parameters
    ----------
    name : str
        Its name.
    kernels : pathlib.Path
        The directory for it; see :func:`kernels_directory`.
    content : dict
        Its ``kernel.json``.
    spec : pathlib.Path or None
        The application specification, which is copied, if it has one.
    replace : bool, default False
        Whether to replace one of yarnkernel's with the same name.
    private : bool, default False
        Whether only its owner can read it.
    logos : tuple of pathlib.Path, optional
        Its own logos. By default yarnkernel's.

    Returns
    -------
    Kernelspec
        What is installed.

    Raises
    ------
    UsageError
        When the name is taken, or the directory cannot be written to.
    """
    directory = kernels / check_name(name).lower()
    _check_free(directory, replace=replace)
    try:
        kernels.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kernels, prefix=".") as part:
            new = Path(part, name)
            new.mkdir()
            (new / "kernel.json").touch(0o600 if private else 0o666)
            (new / "kernel.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            if spec is not None:
                shutil.copyfile(spec, new / SPEC_FILE)
                if private or not spec.stat().st_mode & stat.S_IROTH:
                    (new / SPEC_FILE).chmod(0o600)
            for logo in logos or (resources.files("yarnkernel") / "kernelspec_logos").iterdir():
                (new / logo.name).write_bytes(logo.read_bytes())
            _put_in_place(new, directory, Path(part, "old"))
    except OSError as exc:
        raise UsageError(f"cannot write the kernelspec {directory}: {exc.strerror}") from exc
    return Kernelspec(directory.name, directory, content)


def rewrite_kernelspec(
    kernelspec: Kernelspec, content: dict[str, Any], spec: Path | None = None
) -> Kernelspec:
    """Change an installed kernelspec, each file atomically.

    Parameters
    ----------
    kernelspec : Kernelspec
        The installed kernelspec.
    content : dict
        Its new ``kernel.json``; readable only by its owner if it was so before, or if it gets
        variables and the kernelspec is the user's own.
    spec : pathlib.Path, optional
        Another application specification, which is copied.

    Returns
    -------
    Kernelspec
        What is installed.

    Raises
    ------
    UsageError
        When its directory cannot be written to.
    """
    directory = kernelspec.directory
    try:
        mode = stat.S_IMODE((directory / "kernel.json").stat().st_mode)
        if _variables(content) and is_own(directory):
            mode = 0o600
        if spec is not None:
            mode_of_spec = stat.S_IMODE(spec.stat().st_mode) & mode | 0o600
            _replace(directory / SPEC_FILE, spec.read_bytes(), mode_of_spec)
        text = json.dumps(content, indent=1) + "\n"
        _replace(directory / "kernel.json", text.encode(), mode)
    except OSError as exc:
        raise UsageError(f"cannot write the kernelspec {directory}: {exc.strerror}") from exc
    return Kernelspec(kernelspec.name, directory, content)


def is_readable(kernelspec: Kernelspec) -> bool:
    """Return whether others can read it."""
    return bool(
        (kernelspec.directory / "kernel.json").stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    )


def is_own(directory: Path) -> bool:
    """Return whether a kernelspec is in the user's own directory."""
    return directory.parent.resolve() == kernels_directory(None).resolve()


def _replace(path: Path, content: bytes, mode: int) -> None:
    path = path.resolve()  # a link stays a link
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def _put_in_place(new: Path, directory: Path, old: Path) -> None:
    if directory.exists():
        directory.rename(old)
    try:
        new.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise


def _check_free(directory: Path, *, replace: bool) -> None:
    if not directory.exists():
        return
    spec = read_kernelspec(directory.name, directory)
    if spec is None or not spec.is_ours:
        raise UsageError(f"the name is taken: {directory} is not yarnkernel's; choose another")
    if not replace:
        raise UsageError(f"the name is taken: {directory} exists; replace it with --replace")


def remove_kernelspec(kernelspec: Kernelspec) -> None:
    """Remove one of yarnkernel's kernelspecs.

    Raises
    ------
    UsageError
        When its directory cannot be removed.
    """
    directory = kernelspec.directory
    try:
        if directory.is_symlink():  # as `jupyter kernelspec install --symlink` makes
            directory.unlink()
        else:
            shutil.rmtree(directory)
    except OSError as exc:
        raise UsageError(f"cannot remove the kernelspec {directory}: {exc.strerror}") from exc
