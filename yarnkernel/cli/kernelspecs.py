"""Commands for kernelspecs: add, show, list, remove."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnkernel.cli.arguments import FILES, Commands, add_command, completed_by
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.kernels.arguments import (
    add_launch_options,
    add_overrides,
    launch_options,
    to_arguments,
)

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output
    from yarnkernel.jupyter.kernelspec import Kernelspec
    from yarnkernel.kernels.options import LaunchOptions


#: Of a kernelspec that is not given one.
DEFAULT_NAME = "yarn"


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "kernelspec", help="kernelspecs: what front ends start YARN kernels by"
    )
    nested = group.add_subparsers(metavar="COMMAND", required=True)
    _add_add(nested)

    parser = add_command(nested, "show", _show, "show what a kernelspec is going to run")
    parser.add_argument("name", help="name of the kernelspec")

    add_command(nested, "list", _list, "list the kernelspecs that start YARN kernels")

    parser = add_command(
        nested, "remove", _remove, "remove kernelspecs that start YARN kernels", "No others."
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="name of a kernelspec")


def _add_add(nested: Commands) -> None:
    parser = add_command(
        nested,
        "add",
        _add,
        "install a kernelspec",
        "It keeps a copy of the specification. Front ends start its kernels with the provisioner; "
        "those that know no provisioners, such as VS Code, with its command.",
    )
    action = parser.add_argument(
        "spec", nargs="?", help="application specification, YAML (default: specs/ipython.yaml)"
    )
    completed_by(action, FILES)
    parser.add_argument("--display-name", metavar="TEXT", help='what users see ("Python (YARN)")')
    parser.add_argument(
        "--language", help="the language of the kernel (default: python, unless --kernel-cmd)"
    )
    parser.add_argument(
        "--argv",
        action="store_true",
        help="without the provisioner: all front ends run the command, in which a restart is a new "
        "application",
    )
    parser.add_argument("--replace", action="store_true", help="replace one of the same name")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for you alone (default)")
    where.add_argument(
        "--sys-prefix", action="store_true", help="in the environment of this command"
    )
    where.add_argument("--prefix", type=Path, help="below this prefix, as in /usr/local")
    add_overrides(parser, "kernelspec (default: yarn)")
    add_launch_options(parser)
    # Those who start its kernels have defaults of their own: front ends that run a command give up
    # sooner.
    parser.set_defaults(timeout=None)


def _add(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import (  # noqa: PLC0415  (jupyter_core)
        SPEC_FILE,
        check_name,
        find_kernelspecs,
        kernels_directory,
        write_kernelspec,
    )
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    name = check_name(options.application_name or DEFAULT_NAME)
    found = open_place().describe(launch_options(options, name=""))
    launch = launch_options(options, spec=str(found.path), name="")
    _check_environment(launch)
    _tell_cluster(output)
    prefix = Path(sys.prefix) if options.sys_prefix else options.prefix
    kernels = kernels_directory(prefix)
    directory = kernels / name.lower()
    launch = launch_options(
        options,
        spec=SPEC_FILE,
        name="",
        files_from=str(found.path.absolute().parent) if found.has_files else "",
    )
    content = _kernel_json(launch, directory, options)
    shared = prefix is not None
    kernelspec = write_kernelspec(
        name,
        kernels,
        content,
        found.path,
        replace=options.replace,
        private=bool(launch.env) and not shared,
    )
    if launch.env and shared:
        output.progress(
            f"warning: who can read {directory} can read the kernel's variables "
            f"({', '.join(launch.env)})"
        )
    output.progress(f"{content['display_name']} is installed in {directory}")
    installed = find_kernelspecs().get(kernelspec.name)
    if installed is None:
        output.progress(
            f"next: export JUPYTER_PATH={shlex.quote(str(kernels.parent))}, where Jupyter does not "
            "look by itself"
        )
    elif installed.directory != directory:
        output.progress(f"warning: Jupyter finds {installed.directory} before it")
    else:
        output.progress(f"next: jupyter console --kernel {kernelspec.name}")
    output.result(str(directory), _document(kernelspec))


def _check_environment(launch: LaunchOptions) -> None:
    """Look at an environment that is here; one on the cluster is looked for at the start."""
    from yarnkernel.environment.prefix import check_packages, open_prefix  # noqa: PLC0415

    if not launch.environment or "://" in launch.environment:
        return
    path = Path(launch.environment)
    if not path.exists():
        raise UsageError(f"there is no environment {path}")
    if path.is_dir():
        check_packages(open_prefix(path), to_pack=False)


def _tell_cluster(output: Output) -> None:
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    try:
        output.progress(f"cluster: {open_place().source}")
    except YarnKernelError as exc:
        output.progress(f"warning: no kernel can be started now: {exc}")


def _kernel_json(
    launch: LaunchOptions, directory: Path, options: argparse.Namespace
) -> dict[str, Any]:
    from yarnkernel.jupyter.kernelspec import PROVISIONER, launcher_command  # noqa: PLC0415

    ipython = not launch.kernel_cmd
    language = options.language or ("python" if ipython else "")
    metadata: dict[str, Any] = {}
    if ipython:
        metadata |= {"debugger": True, "supported_encryption": ["curve"]}
    if not options.argv:
        config = launch.to_dict()
        metadata["kernel_provisioner"] = {"provisioner_name": PROVISIONER, "config": config}
    elif launch.env:
        metadata["yarnkernel"] = {"env": launch.env}
    arguments = to_arguments(launch)
    if options.timeout is not None:
        arguments.append(f"--timeout={options.timeout:g}")
    kind = language.capitalize() or directory.name
    default = f"{kind} (YARN)" if directory.name in (DEFAULT_NAME, kind) else None
    shown = options.display_name or default or f"{kind} (YARN, {directory.name})"
    return {
        "argv": launcher_command(directory, arguments),
        "display_name": shown,
        "language": language,
        # Others need not know the message; the supervisor and the launcher know signals.
        "interrupt_mode": "message" if ipython else "signal",
        "metadata": metadata,
    }


def _document(kernelspec: Kernelspec) -> dict[str, Any]:
    return {
        "name": kernelspec.name,
        "display_name": kernelspec.content.get("display_name", ""),
        "directory": str(kernelspec.directory),
        "form": "provisioner" if kernelspec.has_provisioner else "argv",
        "argv": kernelspec.argv,
        "options": kernelspec.config,
    }


def _show(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import find_kernelspec  # noqa: PLC0415
    from yarnkernel.jupyter.launcher_arguments import read_options  # noqa: PLC0415
    from yarnkernel.kernels.options import LaunchOptions  # noqa: PLC0415
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    kernelspec = find_kernelspec(options.name)
    document = _document(kernelspec)
    try:
        launch = (
            LaunchOptions.from_dict(_launch_config(kernelspec))
            if kernelspec.has_provisioner
            else read_options(kernelspec.launcher_arguments)
        )
        found = open_place().describe(launch)
    except UsageError as exc:
        raise UsageError(
            f"the kernelspec in {kernelspec.directory} cannot be used: {exc}\n"
            f"  next: mend its kernel.json, or add it anew with --replace"
        ) from None
    document |= {"recipe": launch.recipe_options(), "specification": found.specification}
    lines = [
        f"{kernelspec.content.get('display_name')} ({kernelspec.name}) in {kernelspec.directory}",
        f"command: {shlex.join(document['argv'])}",
        f"provisioner: {'yes' if kernelspec.has_provisioner else 'no'}",
        f"environment: {launch.environment or 'as in the specification'}",
        f"options of the recipe: {shlex.join(document['recipe']) or 'none'}",
        f"start timeout: {launch.timeout:.0f} s",
        "specification:",
        *("  " + line for line in found.text.splitlines()),
    ]
    output.result("\n".join(lines), document)


def _launch_config(kernelspec: Kernelspec) -> dict[str, Any]:
    config = {k: v for k, v in kernelspec.config.items() if k not in ("allowed_envs", "keep")}
    if isinstance(spec := config.get("spec"), str) and spec:
        config["spec"] = str(kernelspec.directory / spec)
    return config


def _list(_options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import find_kernelspecs  # noqa: PLC0415

    documents = [_document(spec) for spec in find_kernelspecs().values() if spec.is_ours]
    rows = [
        [str(document[column]) for column in ("name", "display_name", "form", "directory")]
        for document in documents
    ]
    output.table(["NAME", "DISPLAY NAME", "FORM", "DIRECTORY"], rows, documents)


def _remove(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import find_kernelspec, remove_kernelspec  # noqa: PLC0415

    found = [find_kernelspec(name) for name in dict.fromkeys(options.names)]  # all or none
    for kernelspec in found:
        remove_kernelspec(kernelspec)
        output.progress(f"{kernelspec.directory} removed")
    output.result(
        "\n".join(kernelspec.name for kernelspec in found), [_document(spec) for spec in found]
    )
