"""Code in the project's documents, which tests run as it stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docutils.core
import docutils.nodes

if TYPE_CHECKING:
    from pathlib import Path


def code_blocks(document: Path, language: str) -> list[str]:
    """A document's code blocks in a language."""
    tree = docutils.core.publish_doctree(
        document.read_text(encoding="utf-8"),
        settings_overrides={"report_level": 2, "halt_level": 2},
    )
    return [
        block.astext()
        for block in tree.findall(docutils.nodes.literal_block)
        if block["classes"] == ["code", language]
    ]
