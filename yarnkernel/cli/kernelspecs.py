"""Commands for kernelspecs: add, set, show, list, remove, schema; import has a module."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from yarnkernel.cli import kernelspec_import
from yarnkernel.cli.arguments import Commands, add_command, add_prefix, add_spec, prefix_of
from yarnkernel.cli.kernelspec_shown import (
    cannot_be_used,
    document,
    show,
    tell_next,
    warn_of_variables,
)
from yarnkernel.cli.tables import Table
from yarnkernel.deadline import Deadline
from yarnkernel.errors import UsageError, YarnKernelError
from yarnkernel.jupyter.front_end_options import CONFIG
from yarnkernel.kernels.arguments import SPEC, add_options, given
from yarnkernel.kernels.interfaces import YARN
from yarnkernel.kernels.options import LaunchOptions

if TYPE_CHECKING:
    import argparse

    from yarnkernel.cli.output import Output
    from yarnkernel.kernels.place import Description

#: Seconds for a cluster to say what it would refuse.
LOOK_TIMEOUT = 8.0
#: An option that names the kernelspec here and the application elsewhere.
_TAKEN = ("--name",)
#: The names of all options but the specification's, by every spelling.
_UNSET = {
    word: name
    for name, option in CONFIG.items()
    if name not in SPEC
    for word in (option.dashed, *(flag[2:] for flag in option.flags if flag.startswith("--")))
}


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "kernelspec", help="kernelspecs, from which front ends start kernels"
    )
    nested = group.add_subparsers(metavar="COMMAND", required=True)
    _add_add(nested)
    _add_set(nested)
    kernelspec_import.add_commands(nested)

    parser = add_command(
        nested,
        "show",
        show,
        "show what a kernelspec runs",
        "With each option, its value, and whether that is the default.",
    )
    parser.add_argument("kernelspec", metavar="NAME", help="name of the kernelspec")

    add_command(nested, "list", _list, "list yarnkernel's kernelspecs")

    parser = add_command(
        nested,
        "remove",
        _remove,
        "remove yarnkernel's kernelspecs",
        "No others.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="name of a kernelspec")

    add_command(
        nested,
        "schema",
        _schema,
        "print the JSON schema of a kernelspec's options",
        "Of metadata.kernel_provisioner.config in its kernel.json.",
    )


def _add_add(nested: Commands) -> None:
    parser = add_command(
        nested,
        "add",
        _add,
        "install a kernelspec",
        "It keeps a copy of the specification. Front ends start its kernels with the provisioner; "
        "those that know no provisioners, such as VS Code, with its command.",
    )
    add_spec(parser)
    parser.add_argument(
        "--name",
        dest="kernelspec",
        default="",
        help="name of the kernelspec (default: yarn, or spark with --spark)",
    )
    _add_words(parser)
    parser.add_argument(
        "--argv",
        action="store_true",
        help="without the provisioner: all front ends run the command, in which a restart is a new "
        "application",
    )
    parser.add_argument("--replace", action="store_true", help="replace one of the same name")
    add_prefix(parser)
    add_options(parser, CONFIG, taken=_TAKEN)


def _add_set(nested: Commands) -> None:
    parser = add_command(
        nested,
        "set",
        _set,
        "change options of a kernelspec",
        "Other options keep their values, and running kernels are not changed. Variables (--env) "
        "are added to the existing ones.",
    )
    parser.add_argument("kernelspec", metavar="NAME", help="name of the kernelspec")
    _add_words(parser)
    parser.add_argument(
        "--unset",
        action="append",
        default=[],
        choices=[*_UNSET],
        metavar="OPTION",
        help="reset an option to its default, named without dashes, as in --unset memory; applied "
        "before all other changes; may be given again",
    )
    add_options(parser, CONFIG, without=(), taken=_TAKEN)


def _add_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--display-name", metavar="TEXT", help='what users see ("Python (YARN)")')
    parser.add_argument(
        "--language", help="the language of the kernel (default: python, unless --kernel-cmd)"
    )


def _add(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import (  # noqa: PLC0415  (jupyter_core)
        SPEC_FILE,
        check_name,
        kernels_directory,
        write_kernelspec,
    )
    from yarnkernel.jupyter.kernelspec_content import (  # noqa: PLC0415
        DEFAULT_NAME,
        SPARK_NAME,
        new_content,
    )

    values = given(options, CONFIG)
    name = check_name(options.kernelspec or (SPARK_NAME if values.get("spark") else DEFAULT_NAME))
    launch = LaunchOptions.from_dict(given(options))
    found = _describe(launch)
    prefix = prefix_of(options)
    kernels = kernels_directory(prefix)
    directory = kernels / name.lower()
    beside: dict[str, str] = {}
    if found.path is not None:
        beside = {"spec": SPEC_FILE} | ({} if "files_from" in values else _files_from(found))
    content = new_content(
        directory,
        {**values, **beside},
        display_name=options.display_name,
        language=options.language,
        provisioner=not options.argv,
    )
    _tell_place(launch, output)
    private = bool(values.get("env")) and prefix is None
    kernelspec = write_kernelspec(
        name, kernels, content, found.path, replace=options.replace, private=private
    )
    warn_of_variables(kernelspec, values, output)
    output.progress(f"{content['display_name']} is installed in {directory}")
    tell_next(kernelspec, output)
    output.result(str(directory), document(kernelspec))


def _set(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import (  # noqa: PLC0415  (jupyter_core)
        SPEC_FILE,
        Kernelspec,
        find_kernelspec,
        rewrite_kernelspec,
    )
    from yarnkernel.jupyter.kernelspec_content import (  # noqa: PLC0415
        changed_content,
        launch_options,
    )

    kernelspec = find_kernelspec(options.kernelspec)
    changes = given(options, CONFIG)
    unset = [_UNSET[word] for word in options.unset]
    words = {
        "display_name": options.display_name,
        "language": options.language,
    }
    words = {name: text for name, text in words.items() if text is not None}
    if not (changes or unset or words):
        raise UsageError("there is nothing to change; next: yarnkernel kernelspec set --help")
    spec = None
    if "spec" in changes:
        found = _describe(LaunchOptions.from_dict(given(options)))
        spec = found.path
        # Options of the last specification do not apply to a new one.
        changes = {"files_from": "", **_files_from(found), **changes, "spec": SPEC_FILE}
    try:
        content = {**changed_content(kernelspec, changes, unset), **words}
        launch = launch_options(Kernelspec(kernelspec.name, kernelspec.directory, content))
    except UsageError as exc:
        raise cannot_be_used(kernelspec, exc) from None
    _describe(launch if spec is None else dataclasses.replace(launch, spec=str(spec)))
    kernelspec = rewrite_kernelspec(kernelspec, content, spec)
    warn_of_variables(kernelspec, changes, output)
    output.progress(f"{content.get('display_name')} in {kernelspec.directory} is changed")
    _tell_place(launch_options(kernelspec), output)
    output.result(str(kernelspec.directory), document(kernelspec))


def _describe(launch: LaunchOptions) -> Description:
    """Check what would be submitted, and an environment on this machine."""
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    found = open_place(launch).describe(launch)
    if launch.interface in ("", YARN):  # checked elsewhere, as it needs other packages
        _check_environment(launch)
    return found


def _files_from(found: Description) -> dict[str, str]:
    if found.path is None or not found.has_files:
        return {}
    return {"files_from": str(found.path.absolute().parent)}


def _check_environment(launch: LaunchOptions) -> None:
    """Check an environment on this machine; one on the cluster is checked at the start."""
    from yarnkernel.environment.prefix import check_packages, open_prefix  # noqa: PLC0415

    if launch.environment and Path(launch.environment).is_dir():
        check_packages(open_prefix(Path(launch.environment)), to_pack=False)


def _tell_place(launch: LaunchOptions, output: Output) -> None:
    """Report where kernels would run and what would prevent it; both may change."""
    from yarnkernel.doctor.check import FAILED, run  # noqa: PLC0415  (slow to import)
    from yarnkernel.doctor.examine import REQUEST  # noqa: PLC0415
    from yarnkernel.doctor.subject import Subject  # noqa: PLC0415
    from yarnkernel.kernels.places import open_place  # noqa: PLC0415  (protobuf)

    try:
        output.progress(str(open_place(launch).introduction))
    except YarnKernelError as exc:
        output.progress(f"warning: no kernel can be started now: {exc}")
        return
    subject = Subject(launch)
    for check in run(REQUEST if subject.is_on_yarn else (), subject, Deadline(LOOK_TIMEOUT)):
        if check.state == FAILED:
            text = f"{check.why} ({check.found})" if check.found else check.why
            output.progress(f"warning: {check.name}: {text}; next: {check.todo}")


def _schema(_options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.kernels.option_schema import schema  # noqa: PLC0415

    found = schema(CONFIG, "Configuration of a kernelspec's provisioner of YARN kernels")
    output.result(json.dumps(found, indent=2), found)


def _list(_options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import find_kernelspecs  # noqa: PLC0415

    shown = [document(spec) for spec in find_kernelspecs().values() if spec.is_ours]
    rows = [
        [str(one[column]) for column in ("name", "display_name", "form", "directory")]
        for one in shown
    ]
    table = Table(("NAME", "DISPLAY NAME", "FORM", "DIRECTORY"), rows, dropped=("FORM",))
    output.table(table, shown)


def _remove(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.jupyter.kernelspec import find_kernelspec, remove_kernelspec  # noqa: PLC0415

    found = [find_kernelspec(name) for name in dict.fromkeys(options.names)]  # all or none
    for kernelspec in found:
        remove_kernelspec(kernelspec)
        output.progress(f"{kernelspec.directory} removed")
    output.result(
        "\n".join(kernelspec.name for kernelspec in found), [document(spec) for spec in found]
    )
