"""What commands print with ``--json``, held against the schema that the documentation has."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = Path(__file__).parents[2] / "docs/output.schema.json"
#: Commands of these are named by two words.
GROUPS = ("cluster", "env", "kernelspec")


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text())
    return found


@cache
def validator(command: str) -> Any:
    return jsonschema.Draft202012Validator({**schema(), "$ref": f"#/$defs/{command}"})


def check_document(arguments: Sequence[str | Path], text: str) -> None:
    """Hold the document of a command against the schema, if it has printed one."""
    if "--json" not in arguments or not text.strip():
        return
    words = [str(word) for word in arguments]
    begin = next(i for i, word in enumerate(words) if word in (*GROUPS, *schema()["$defs"]))
    command = " ".join(words[begin : begin + 1 + (words[begin] in GROUPS)])
    error = jsonschema.exceptions.best_match(validator(command).iter_errors(json.loads(text)))
    assert error is None, f"`yarnkernel {command} --json`: {error}"
