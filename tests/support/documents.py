"""Code in the project's documents, which tests run as it stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docutils.core
import docutils.nodes
from docutils.parsers.rst import roles

if TYPE_CHECKING:
    from pathlib import Path

# Sphinx's; here they are plain text.
for _role in ("doc", "ref", "term"):
    roles.register_generic_role(_role, docutils.nodes.emphasis)


def parsed(document: Path) -> docutils.nodes.document:
    """A document as a tree; what is wrong in it is an error."""
    return docutils.core.publish_doctree(
        document.read_text(encoding="utf-8"),
        source_path=str(document),
        settings_overrides={"report_level": 2, "halt_level": 2},
    )


def code_blocks(document: Path, language: str) -> list[str]:
    """A document's code blocks in a language."""
    return [
        block.astext()
        for block in parsed(document).findall(docutils.nodes.literal_block)
        if block["classes"] == ["code", language]
    ]


def commands(document: Path) -> list[str]:
    """The lines of its ``code-block:: sh``, without their comments."""
    lines = [line for block in code_blocks(document, "sh") for line in block.splitlines()]
    return [line.partition("  #")[0].strip() for line in lines]
