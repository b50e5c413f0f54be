"""Notebook files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def write_notebook(path: Path, kernel: str, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """Write a notebook that names its kernel; the tags are those of its first cell."""
    document = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {"tags": list(tags)} if number == 0 and tags else {},
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))
    return path


def outputs(path: Path) -> list[str]:
    """The text that each cell of a notebook has put out."""
    document = json.loads(path.read_text())
    return ["".join(map(text_of, cell["outputs"])) for cell in document["cells"]]


def text_of(output: dict[str, Any]) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(text)
