"""``--with-notebook-dir``: ships the modules beside a notebook to nodes without its directory."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yarnkernel.kernels.options import LaunchOptions

#: Most MiB and files that are shipped.
MOST_SIZE, MOST_FILES = 10, 500
_PREFERRED = "--prefer-directory"


def with_modules(options: LaunchOptions, directory: Path) -> LaunchOptions:
    """Ship a directory's modules and packages if the options say so.

    Parameters
    ----------
    options : LaunchOptions
        The options of the start.
    directory : pathlib.Path
        The notebook's directory.

    Returns
    -------
    LaunchOptions
        The options with additional ``files``: ``*.py`` and directories with an ``__init__.py``,
        except for names that ``files`` already has.

    Raises
    ------
    UsageError
        When they are too large or too many.
    """
    if not options.with_notebook_dir:
        return options
    found = [path for path in _entries(directory) if _is_module(path)]
    sizes = [size for path in found for size in _sizes(path)]
    size = sum(sizes) / 2**20
    if size > MOST_SIZE or len(sizes) > MOST_FILES:
        raise UsageError(
            f"--with-notebook-dir: modules in {directory} are {len(sizes)} files of {size:.1f} "
            f"MiB, and at most {MOST_FILES} of {MOST_SIZE} MiB travel; next: --file for those "
            "that are needed, or an environment (--environment) that has them"
        )
    named = {file.rpartition(":")[2].rpartition("/")[2] for file in options.files}
    more = [str(path) for path in found if path.name not in named]
    return dataclasses.replace(options, files=[*options.files, *more], with_notebook_dir=False)


def with_directory(
    options: LaunchOptions, recipe_options: Sequence[str] = ()
) -> tuple[LaunchOptions, Sequence[str]]:
    """Do so for the directory that the recipe prefers, by default the working directory.

    Returns
    -------
    LaunchOptions
        See :func:`with_modules`.
    sequence of str
        Options of the recipe that let the kernel work in that directory if its node has it.
    """
    if not options.with_notebook_dir:
        return options, recipe_options
    if _PREFERRED not in recipe_options:
        recipe_options = [*recipe_options, _PREFERRED, str(Path.cwd())]
    directory = recipe_options[recipe_options.index(_PREFERRED) + 1]
    return with_modules(options, Path(directory)), recipe_options


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as exc:
        raise UsageError(f"--with-notebook-dir: {directory}: {exc.strerror}") from exc


def _is_module(path: Path) -> bool:
    # os.path, as an unreadable directory is no package, and no error.
    return os.path.isfile(path if path.suffix == ".py" else path / "__init__.py")  # noqa: PTH113


def _sizes(path: Path) -> Iterator[int]:
    """Return the sizes of a module's files, without broken links."""
    paths = [os.path.join(d, name) for d, _, names in os.walk(path) for name in names]  # noqa: PTH118
    for file in [path] if path.is_file() else paths:
        with contextlib.suppress(OSError):
            yield os.stat(file).st_size  # noqa: PTH116
