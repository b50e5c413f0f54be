"""``yarnkernel kernelspec import``: converts kernelspecs of other tools to ours."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.cli.arguments import (
    Commands,
    add_command,
    add_prefix,
    prefix_of,
)
from yarnkernel.cli.kernelspec_shown import document, tell_next, warn_of_variables
from yarnkernel.errors import UsageError
from yarnkernel.jupyter.front_end_options import CONFIG
from yarnkernel.kernels.options import OPTIONS, LaunchOptions

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from yarnkernel.cli.output import Output
    from yarnkernel.jupyter.peers.find import Import

#: Suffix of the new name, as the other tool's kernelspec stays.
SUFFIX = "-yarnkernel"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = add_command(
        commands,
        "import",
        _import,
        "convert another tool's kernelspecs to ours",
        "The originals stay as they are. Settings that are not taken over are listed, one per "
        "line.",
    )
    parser.add_argument(
        "source",
        metavar="remote_ikernel|remote_kernel|sshpyk|FILE",
        help="all of this tool that Jupyter finds, or one: its kernel.json or its directory",
    )
    parser.add_argument(
        "--name",
        default="",
        help=f"name of the kernelspec (default: the same, with {SUFFIX} when that is taken)",
    )
    parser.add_argument("--replace", action="store_true", help="replace one of ours, same name")
    add_prefix(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print commands that would do the same, and install nothing",
    )


def _import(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.peers import find  # noqa: PLC0415  (jupyter_core)

    known = options.source in find.PEERS
    sources = find.installed_of(options.source) if known else [find.read_file(Path(options.source))]
    if options.name and len(sources) > 1:
        names = ", ".join(source.name for source in sources)
        raise UsageError(f"--name is for one kernelspec, and there are {names}; next: FILE")
    results, refused = [], []
    for source in sources:
        try:
            found = find.take_over(source)
            results.append(_install(found, options, output))
        except UsageError as exc:
            if len(sources) == 1:
                raise
            refused.append(source.name)
            output.progress(f"{source.name} is not taken over: {exc}")
    output.result("\n".join(text for text, _ in results), [shown for _, shown in results])
    if refused:
        raise UsageError(f"of {len(sources)}, {len(refused)} not taken over: {', '.join(refused)}")


def _install(
    found: Import, options: argparse.Namespace, output: Output
) -> tuple[str, dict[str, Any]]:
    """Install a kernelspec, or show the command; return the result as text and document."""
    from yarnkernel.jupyter.kernelspec import (  # noqa: PLC0415  (jupyter_core)
        check_name,
        kernels_directory,
        write_kernelspec,
    )
    from yarnkernel.jupyter.kernelspec_content import new_content  # noqa: PLC0415
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    prefix = prefix_of(options)
    kernels = kernels_directory(prefix)
    name = check_name(options.name or _free_name(found.source.name, kernels))
    launch = {known: value for known, value in found.options.items() if known in OPTIONS}
    open_place(read := LaunchOptions.from_dict(launch)).describe(read)
    for line in found.left_out:
        output.progress(f"{found.source.name}: not taken over: {line}")
    if options.dry_run:
        return _command(found, name, options)
    content = new_content(
        kernels / name.lower(),
        found.options,
        display_name=found.display_name,
        language=found.language,
    )
    kernelspec = write_kernelspec(
        name,
        kernels,
        content,
        None,
        replace=options.replace,
        private=bool(found.options.get("env")) and prefix is None,
        logos=found.logos,
    )
    warn_of_variables(kernelspec, found.options, output)
    output.progress(f"{content['display_name']} is installed in {kernelspec.directory}")
    tell_next(kernelspec, output)
    text = str(kernelspec.directory)
    return text, {**document(kernelspec), "tool": found.tool, "left_out": found.left_out}


def _free_name(name: str, kernels: Path) -> str:
    """Return a name that is free or belongs to a kernelspec of ours."""
    from yarnkernel.jupyter.kernelspec import find_kernelspecs, read_kernelspec  # noqa: PLC0415

    taken = [find_kernelspecs().get(name.lower())]
    if (kernels / name.lower()).exists():
        taken.append(read_kernelspec(name, kernels / name.lower()))
    others = [one for one in taken if one is not None and not one.is_ours]
    return f"{name}{SUFFIX}" if others else name


def _command(found: Import, name: str, options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Return the command that installs it, without values of variables."""
    values = {**found.options}
    if "env" in values:
        values["env"] = dict.fromkeys(values["env"], "...")
    given = {"--display-name": found.display_name, "--language": found.language}
    command = ["yarnkernel", "kernelspec", "add", f"--name={name}"]
    command += [f"{flag}={text}" for flag, text in given.items() if text]
    command += [word for known, value in values.items() for word in CONFIG[known].spell(value)]
    command += ["--replace"] * options.replace + ["--sys-prefix"] * options.sys_prefix
    if options.prefix:
        command.append(f"--prefix={options.prefix}")
    return shlex.join(command), {
        "name": name,
        "command": command,
        "tool": found.tool,
        "left_out": found.left_out,
    }
