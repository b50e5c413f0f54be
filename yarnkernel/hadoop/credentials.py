"""An application's tokens and secrets, in the format of Hadoop's token files.

The format follows ``Credentials.writeTokenStorageToStream`` and ``WritableUtils`` of Hadoop 3.5.0:
"HDTS", the format 0, tokens and secrets with their aliases.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnkernel.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Variable that names the file with a container's credentials (UserGroupInformation).
TOKEN_FILE_VARIABLE = "HADOOP_TOKEN_FILE_LOCATION"  # noqa: S105  (a name)
#: Kind of the token with which an ApplicationMaster logs in (AMRMTokenIdentifier).
AMRM_TOKEN = "YARN_AM_RM_TOKEN"  # noqa: S105
_MAGIC = b"HDTS\x00"
#: Numbers from here to 127 take one byte; lower values give the count of bytes that follow.
_ONE_BYTE = -112
_NEGATIVE = -120
#: Field of YARNDelegationTokenIdentifierProto; and the wire type of length-prefixed fields.
_MAX_DATE, _SIZED = 5, 2


@dataclass(frozen=True)
class Token:
    """A Hadoop token.

    Attributes
    ----------
    identifier : bytes
        Identifies the owner; otherwise meaningful only to the servers that issued it.
    password : bytes
        Proves the identity.
    kind : str
        Such as ``"YARN_AM_RM_TOKEN"``.
    service : str
        The server that it is for, ``ip:port``; empty for any.
    """

    identifier: bytes
    password: bytes = field(repr=False)
    kind: str
    service: str = ""

    @classmethod
    def from_text(cls, text: str) -> Token:
        """Decode the output of ``Token.encodeToUrlString``.

        Raises
        ------
        CredentialsError
            When it is damaged.
        """
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            reader = _Reader(content, 0)
            return cls(reader.sized(), reader.sized(), reader.text(), reader.text())
        except (ValueError, IndexError):
            raise CredentialsError("a damaged token") from None


def owner_of(token: Token) -> str:
    """Return the owner in a delegation token's identifier; empty if there is none.

    It is the first field of YARN's message (YARNDelegationTokenIdentifierProto); in HDFS's
    identifiers it follows a version, 0 (AbstractDelegationTokenIdentifier).
    """
    try:
        return _Reader(token.identifier, 1).text() if token.identifier[:1] in (b"\0", b"\n") else ""
    except (IndexError, UnicodeDecodeError):
        return ""


def expiry_of(token: Token) -> float:
    """Return until when a delegation token can be renewed, in seconds since 1970; 0 if unknown.

    It is the sixth field of HDFS's identifiers and the fifth of YARN's (``maxDate``), see
    :func:`owner_of`.
    """
    try:
        if token.identifier[:1] == b"\0":
            reader = _Reader(token.identifier, 1)
            for _ in range(3):
                reader.sized()
            reader.number()  # time of issue
            return reader.number() / 1000
        fields = dict(_varints(token.identifier))
        return fields.get(_MAX_DATE, 0) / 1000
    except IndexError:
        return 0.0


def _varints(message: bytes) -> Iterator[tuple[int, int]]:
    """Yield the numbers and values of a protobuf message's varint fields."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004  (the highest bit says that more follows)
                return value

    while position < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == _SIZED:
            size = varint()  # varint() moves the position, too
            position += size
        else:
            return


@dataclass
class Credentials:
    """Tokens and secrets by their aliases."""

    tokens: dict[str, Token] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """Return the content of a token file."""
        parts = [_MAGIC, _number(len(self.tokens))]
        for alias, token in self.tokens.items():
            kind, service = token.kind.encode(), token.service.encode()
            fields = (alias.encode(), token.identifier, token.password, kind, service)
            parts += map(_sized, fields)
        parts.append(_number(len(self.secrets)))
        for alias, secret in self.secrets.items():
            parts += [_sized(alias.encode()), _sized(secret)]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, content: bytes) -> Credentials:
        """Parse the content of a token file.

        Raises
        ------
        CredentialsError
            When it is damaged or in another format.
        """
        if not content.startswith(_MAGIC):
            raise CredentialsError("not a token file of Hadoop's, or in a format not known here")
        reader = _Reader(content, len(_MAGIC))
        tokens, secrets = {}, {}
        try:
            for _ in reader.entries():
                alias = reader.text()
                tokens[alias] = Token(reader.sized(), reader.sized(), reader.text(), reader.text())
            for _ in reader.entries():
                alias = reader.text()
                secrets[alias] = reader.sized()
        except (IndexError, UnicodeDecodeError):
            raise CredentialsError("a damaged token file") from None
        return cls(tokens, secrets)

    @classmethod
    def read(cls, path: Path) -> Credentials:
        """Read a token file.

        Raises
        ------
        CredentialsError
            When it cannot be read.
        """
        try:
            return cls.from_bytes(path.read_bytes())
        except OSError as exc:
            raise CredentialsError(f"cannot read {path}: {exc.strerror}") from exc
        except CredentialsError as exc:
            raise CredentialsError(f"{path}: {exc}") from None

    def write(self, path: Path) -> None:
        """Write a token file that only its owner can read."""
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.to_bytes())

    def token_of_kind(self, kind: str) -> Token | None:
        """Return the first token of a kind; None if there is none."""
        return next((token for token in self.tokens.values() if token.kind == kind), None)


def _number(value: int) -> bytes:
    """Encode a nonnegative number (WritableUtils.writeVLong)."""
    if value <= 0x7F:  # noqa: PLR2004
        return bytes([value])
    content = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([(_ONE_BYTE - len(content)) & 0xFF]) + content


def _sized(content: bytes) -> bytes:
    return _number(len(content)) + content


class _Reader:
    """Reads a token file from its start; raises IndexError if a part is missing or invalid."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content = content
        self._position = position

    def _take(self, size: int) -> bytes:
        start, self._position = self._position, self._position + size
        if self._position > len(self._content):
            raise IndexError(size)
        return self._content[start : self._position]

    def number(self) -> int:
        """Read a number."""
        first = int.from_bytes(self._take(1), "big", signed=True)
        if first >= 0:
            return first
        if not _NEGATIVE <= first < _ONE_BYTE:
            raise IndexError(first)  # a negative number cannot be a count
        return int.from_bytes(self._take(_ONE_BYTE - first), "big")

    def entries(self) -> Iterator[int]:
        """Read the number of entries, and iterate over them."""
        return iter(range(self.number()))

    def sized(self) -> bytes:
        """Read length-prefixed bytes."""
        return self._take(self.number())

    def text(self) -> str:
        """Read length-prefixed text."""
        return self.sized().decode()
