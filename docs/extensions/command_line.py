"""``.. command-line::``, the reference of all commands, as their parser has them.

sphinx-argparse leaves out the words for values (``--queue QUEUE``), reads help as reStructuredText,
and has no way to say once what `start`, `submit` and kernelspecs share.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from yarnkernel.cli import build_parser
from yarnkernel.jupyter.front_end_options import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

#: Options that docs/options.rst has.
SHARED = {flag for option in CONFIG.values() for flag in (*option.flags, *option.constants)}
#: A command that takes as many of them takes all.
MANY = 10


class CommandLine(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        """Make them."""
        return list(sections(build_parser()))


def sections(parser: argparse.ArgumentParser) -> Iterator[nodes.Node]:
    """Make the section of a command, then those of its commands."""
    commands: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands |= action.choices
    section = nodes.section(ids=[nodes.make_id(parser.prog)])
    section += nodes.title("", parser.prog)
    section += [nodes.paragraph("", "", *marked(text)) for text in paragraphs(parser.description)]
    section += [literal(usage(parser))]
    flags = [flag for action in parser._actions for flag in action.option_strings]
    shared = SHARED if len(SHARED.intersection(flags)) > MANY else set()
    for group in parser._action_groups:
        section += described(parser, group, shared)
    if shared:
        section += nodes.paragraph("", "", *marked("Also all options of a start, as `--queue`."))
    if parser.epilog:
        section += epilog(parser.epilog)
    yield section
    for command in commands.values():
        yield from sections(command)


def described(
    parser: argparse.ArgumentParser, group: argparse._ArgumentGroup, shared: set[str]
) -> list[nodes.Node]:
    """Describe a group's arguments; nothing where all of them are said elsewhere."""
    formatter: Any = parser._get_formatter()
    items = nodes.definition_list()
    for action in group._group_actions:
        if action.help == argparse.SUPPRESS or action.dest == "help":
            continue
        if shared.intersection(action.option_strings):
            continue
        if isinstance(action, argparse._SubParsersAction):
            continue
        term = nodes.term("", "", nodes.literal("", formatter._format_action_invocation(action)))
        text = formatter._expand_help(action) if action.help else ""
        body = nodes.definition("", nodes.paragraph("", "", *marked(text)))
        items += nodes.definition_list_item("", term, body)
    return [items] if items.children else []


def epilog(text: str) -> list[nodes.Node]:
    """Show what follows the options: prose, or lines that are laid out."""
    if "\n" in text.strip():
        return [literal(text.strip("\n"))]
    return [nodes.paragraph("", "", *marked(text))]


def literal(text: str) -> nodes.literal_block:
    """Show a text as it is, without colours."""
    return nodes.literal_block(text, text, language="none")


def usage(parser: argparse.ArgumentParser) -> str:
    """Show how a command is typed, without the word for that."""
    word = "usage: "
    return parser.format_usage().removeprefix(word).replace("\n" + " " * len(word), "\n").rstrip()


def paragraphs(text: str | None) -> list[str]:
    """Split a description."""
    return [part for part in re.split(r"\n\s*\n", text or "") if part.strip()]


def marked(text: str) -> list[nodes.Node]:
    """Show `code` in backticks, and --options, as such."""
    parts = re.split(r"(`[^`]+`|(?<![\w-])--?[a-z][\w-]*)", text)
    return [
        nodes.literal("", part.strip("`")) if i % 2 else nodes.Text(part)
        for i, part in enumerate(parts)
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx know the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
