"""``yarnkernel completion``: shell completion of commands, options and values."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING

from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.errors import YarnKernelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnkernel.cli.output import Output

SHELLS = ("bash", "fish", "zsh")
#: The kind of words that complete an argument, by the argument's name.
_WORDS = {
    "about": "kernels",
    "kernel": "kernels",
    "kernels": "kernels",
    "kernelspec": "kernelspecs",
    "names": "kernelspecs",
    "queue": "queues",
}
_FILE_ARGUMENTS = ("connection_file", "spec", "source")


def add_commands(commands: Commands, whole: argparse.ArgumentParser) -> None:
    """Add the commands of this module, for the completion of the whole parser."""
    parser = add_command(
        commands,
        "completion",
        functools.partial(_completion, whole),
        "print a shell's completion of commands, options and values",
        'For example in ~/.bashrc: eval "$(yarnkernel completion bash)"; in ~/.zshrc, after '
        'compinit: eval "$(yarnkernel completion zsh)"; in ~/.config/fish/config.fish: yarnkernel '
        "completion fish | source",
        has_json=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("shell", nargs="?", choices=SHELLS, help="the shell")
    what.add_argument(
        "--words", choices=sorted(set(_WORDS.values())), help="the words that are there now"
    )


def _completion(
    whole: argparse.ArgumentParser, options: argparse.Namespace, output: Output
) -> None:
    if options.words:
        words = sorted({word for word in _words(options.words) if word.isprintable()})
        output.result("\n".join(words))
        return
    import shtab  # noqa: PLC0415

    shell = options.shell
    for action in _actions(whole):
        if action.dest in _WORDS:
            vars(action)["complete"] = _functions(_WORDS[action.dest])
        elif action.dest in _FILE_ARGUMENTS:
            vars(action)["complete"] = shtab.FILE
    preamble = "\n".join(_preamble(shell, kind) for kind in sorted(set(_WORDS.values())))
    script = shtab.complete(whole, shell, preamble=preamble)
    output.result(script)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Return all arguments of a parser and of its commands."""
    for action in parser._actions:  # noqa: SLF001  (argparse has no other way)
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)


def _functions(kind: str) -> dict[str, str]:
    """Return the shell functions that ask for words, in shtab's form."""
    name = f"_yarnkernel_{kind}"
    return {"bash": name, "zsh": name, "fish": f"({name})"}


def _preamble(shell: str, kind: str) -> str:
    asked = f"yarnkernel completion --words {kind} --quiet 2>/dev/null"
    name = f"_yarnkernel_{kind}"
    if shell == "fish":
        return f"function {name}\n  {asked}\nend"
    if shell == "zsh":
        return f'{name}() {{ compadd -- ${{(f)"$({asked})"}} }}'
    return f'{name}() {{ local IFS=$\'\\n\'; compgen -W "$({asked})" -- "$1"; }}'


def _words(kind: str) -> Iterable[str]:
    """Find words; on errors none, as a shell cannot show them."""
    from yarnkernel.jupyter.kernelspec import find_kernelspecs  # noqa: PLC0415
    from yarnkernel.kernels import places  # noqa: PLC0415  (protobuf)

    try:
        if kind == "kernelspecs":
            return [name for name, spec in find_kernelspecs().items() if spec.is_ours]
        if kind == "queues":
            return places.open_cluster().queues()
        found = places.list_kernels(user=None)
    except YarnKernelError:
        return []
    return [word for status in found for word in (status.id, status.name)]
