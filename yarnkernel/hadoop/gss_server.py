"""Serve libgssapi's functions to a program on another machine; runs where the ticket is.

It is sent there with the two modules that it imports, and needs Python 3.7. Requests and answers
are lines of JSON; bytes are in base64, handles are numbers.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import sys
from typing import IO, Any

from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop import libgssapi

#: Numbers of handles, which differ from those of other processes of this kind.
_numbers = itertools.count(int.from_bytes(os.urandom(6), "big"))
#: Precedes the first answer, as login shells may print something, too.
MARK = b"yarnkernel's GSS-API\n"


def serve(requests: IO[bytes] = sys.stdin.buffer, answers: IO[bytes] = sys.stdout.buffer) -> None:
    """Answer requests until their end."""
    handles: dict[int, libgssapi.Handle] = {}
    answers.write(MARK)
    answers.flush()
    for line in requests:
        request = json.loads(line)
        for number in request["released"]:
            handles.pop(number, None)
        try:
            function = getattr(libgssapi, request["function"])
            given = [_read(value, handles) for value in request["arguments"]]
            options = {name: _read(value, handles) for name, value in request["options"].items()}
            answer = {"result": _written(function(*given, **options), handles)}
        except AuthenticationError as exc:
            answer = {"error": str(exc)}
        except KeyError:
            answer = {"error": "Kerberos: the line was lost meanwhile"}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _read(value: Any, handles: dict[int, libgssapi.Handle]) -> Any:
    if isinstance(value, dict):
        return handles[value["handle"]] if "handle" in value else base64.b64decode(value["bytes"])
    return value


def _written(value: Any, handles: dict[int, libgssapi.Handle]) -> Any:
    if isinstance(value, tuple):
        return [_written(part, handles) for part in value]
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, libgssapi.Handle):
        number = next(_numbers)
        handles[number] = value
        return {"handle": number}
    return value
