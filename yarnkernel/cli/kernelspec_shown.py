"""Shows a kernelspec: its content, its meaning and what it would run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import UsageError
from yarnkernel.jupyter.front_end_options import CONFIG

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output
    from yarnkernel.jupyter.kernelspec import Kernelspec


def document(kernelspec: Kernelspec) -> dict[str, Any]:
    """Return a kernelspec's content as a document."""
    from yarnkernel.jupyter.kernelspec_content import given_options  # noqa: PLC0415

    try:
        values = given_options(kernelspec)
    except UsageError:  # it exists and can be removed
        values = kernelspec.config
    return {
        "name": kernelspec.name,
        "display_name": kernelspec.content.get("display_name", ""),
        "directory": str(kernelspec.directory),
        "form": "provisioner" if kernelspec.has_provisioner else "argv",
        "argv": kernelspec.argv,
        "options": values,
    }


def cannot_be_used(kernelspec: Kernelspec, reason: UsageError) -> UsageError:
    """Return the error for a kernelspec that was edited by hand."""
    return UsageError(
        f"the kernelspec in {kernelspec.directory} cannot be used: {reason}; "
        "next: yarnkernel kernelspec set, mend its kernel.json, or add it anew with --replace"
    )


def show(options: argparse.Namespace, output: Output) -> None:
    """Run ``kernelspec show``."""
    from yarnkernel.jupyter.kernelspec import find_kernelspec  # noqa: PLC0415
    from yarnkernel.jupyter.kernelspec_content import (  # noqa: PLC0415
        all_options,
        launch_options,
    )
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    kernelspec = find_kernelspec(options.kernelspec)
    try:
        values = all_options(kernelspec)
        launch = launch_options(kernelspec)
        found = open_place(launch).describe(launch)
    except UsageError as exc:
        raise cannot_be_used(kernelspec, exc) from None
    recipe = launch.recipe_options()
    shown = document(kernelspec) | {
        "all_options": values,
        "recipe": recipe,
        "specification": found.specification,
    }
    width = max(len(CONFIG[name].dashed) for name in values)
    lines = [
        f"{kernelspec.content.get('display_name')} ({kernelspec.name}) in {kernelspec.directory}",
        f"command: {shlex.join(shown['argv'])}",
        f"provisioner: {'yes' if kernelspec.has_provisioner else 'no'}",
        "options:",
        *(
            f"  {CONFIG[name].dashed:<{width}}  {_text(name, known)}"
            for name, known in values.items()
        ),
        f"options of the recipe: {shlex.join(recipe) or 'none'}",
        "specification:",
        *("  " + line for line in found.text.splitlines()),
    ]
    output.result("\n".join(lines), shown)


def _text(name: str, known: dict[str, Any]) -> str:
    value, option = known["value"], CONFIG[name]
    if known["default"] and value == option.default:
        return f"default: {option.default_text}"
    if option.secret:
        return f"{', '.join(value)} (values are not shown)"
    text = option.value_text(value)
    return f"default: {text}" if known["default"] else text


def warn_of_variables(kernelspec: Kernelspec, values: dict[str, Any], output: Output) -> None:
    """Warn if others can read the variables."""
    from yarnkernel.jupyter.kernelspec import is_readable  # noqa: PLC0415  (jupyter_core)

    if values.get("env") and is_readable(kernelspec):
        output.progress(
            f"warning: who can read {kernelspec.directory} can read the kernel's variables "
            f"({', '.join(values['env'])})"
        )


def tell_next(kernelspec: Kernelspec, output: Output) -> None:
    """Print the command that uses it."""
    from yarnkernel.jupyter.kernelspec import find_kernelspecs  # noqa: PLC0415

    directory = kernelspec.directory
    installed = find_kernelspecs().get(kernelspec.name)
    if installed is None:
        path = shlex.quote(str(directory.parent.parent))
        output.progress(f"next: export JUPYTER_PATH={path}, where Jupyter does not look by itself")
    elif installed.directory != directory:
        output.progress(f"warning: Jupyter finds {installed.directory} before it")
    else:
        output.progress(f"next: jupyter console --kernel {kernelspec.name}")
