"""Sends and receives values in a Python kernel; its source is sent after that of ``codec``."""

from __future__ import annotations

import sys
import types
from typing import Any

from yarnkernel.groups.codec import (
    MIME,
    Decoder,
    Encoder,
    TravelError,
    check_digest,
    digest_of,
    pieces_of,
    size_of,
)

#: Name of the module that holds pieces until the last one has arrived.
_HELD = "_yarnkernel_values"


def _shell() -> Any:
    from IPython import get_ipython  # noqa: PLC0415  (there alone)

    return get_ipython()


def _tell(value: dict[str, Any], *buffers: memoryview) -> None:
    kernel = _shell().kernel
    kernel.session.send(
        kernel.iopub_socket,
        "display_data",
        {"data": {MIME: value}, "metadata": {}, "transient": {}},
        parent=kernel.get_parent(),
        ident=b"display_data",
        buffers=list(buffers),
    )


def _variable(variables: dict[str, Any], name: str) -> Any:
    if name not in variables:
        raise TravelError("there is no variable of this name")
    return variables[name]


def give(names: list[str], limit: int, *, pickles: bool) -> None:
    """Send variables to the client that asks, or for each the reason why it cannot be sent."""
    variables = _shell().user_ns
    for name in names:
        try:
            value = _variable(variables, name)
            parts = Encoder(limit, pickles=pickles).encode(value)
        except Exception as exc:  # noqa: BLE001  (of a value's own code, too)
            problem = str(exc) if isinstance(exc, TravelError) else repr(exc)
            _tell({"name": name, "problem": problem})
            continue
        _tell({"name": name, "sizes": [*map(size_of, parts)], "digest": digest_of(parts)})
        for number, begin, piece in pieces_of(parts):
            _tell({"name": name, "part": number, "begin": begin}, piece)


def take(
    values: dict[str, dict[str, Any]], places: list[list[Any]], *, last: bool, pickles: bool
) -> None:
    """Receive pieces of values from the request; with the last one they become variables.

    Parameters
    ----------
    values : dict
        Sizes and digest of each value.
    places : list
        Name, part and offset of the piece in each buffer.
    last : bool
        Whether these are the last pieces.
    pickles : bool
        Whether to open pickles.
    """
    held = sys.modules.setdefault(_HELD, types.ModuleType(_HELD)).__dict__
    for name, known in values.items():
        if name not in held:
            held[name] = [bytearray(size) for size in known["sizes"]]
    buffers = _shell().kernel.get_parent()["buffers"]
    for (name, number, begin), piece in zip(places, buffers, strict=True):
        held[name][number][begin : begin + len(piece)] = piece
    if not last:
        return
    del sys.modules[_HELD]
    for name, known in values.items():
        try:
            check_digest(held[name], known["digest"])
            _shell().user_ns[name] = Decoder(held[name], pickles=pickles).decode()
        except TravelError as exc:
            _tell({"name": name, "problem": str(exc)})
