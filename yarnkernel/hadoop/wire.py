"""The wire format of Hadoop RPC, version 9: frames of length-prefixed messages.

``org.apache.hadoop.ipc`` of Hadoop 3.5.0 (Client.java, Server.java, RpcHeader.proto) defines it.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from yarnkernel.errors import (
    AccessDeniedError,
    AuthenticationError,
    HadoopError,
    InvalidTokenError,
    NotFoundError,
    NotRegisteredError,
    RpcError,
    StandbyError,
)
from yarnkernel.hadoop.messages import message_class

_WANTS_KERBEROS = (
    "this cluster wants Kerberos, and its site files here do not say so "
    "(hadoop.security.authentication)"
)
#: Bytes of a frame's length.
LENGTH_SIZE = 4
#: Most bytes of a 32-bit varint.
_VARINT_SIZE = 5
_SUCCESS = 0
#: The call id of SASL messages, which is unsigned in answers.
SASL_CALL = -33
SASL_ANSWER = SASL_CALL & 0xFFFFFFFF
SASL_MESSAGE = "hadoop.common.RpcSaslProto"
#: By the last part of the class name, as YARN wraps some in others of the same name.
_ERRORS: dict[str, type[HadoopError]] = {
    "AccessControlException": AccessDeniedError,
    "AuthorizationException": AccessDeniedError,
    "ApplicationNotFoundException": NotFoundError,
    "ApplicationAttemptNotFoundException": NotFoundError,
    "ContainerNotFoundException": NotFoundError,
    "StandbyException": StandbyError,
    "SecretManager$InvalidToken": InvalidTokenError,
    "ApplicationMasterNotRegisteredException": NotRegisteredError,
}


def delimited(message: Any) -> bytes:
    """Serialize a message, prefixed with its length."""
    content: bytes = message.SerializeToString()
    length = len(content)
    prefix = bytearray()
    while length > 0x7F:  # noqa: PLR2004  (seven bits a byte)
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + content


def frame(*messages: Any) -> bytes:
    """Return one frame with these messages."""
    content = b"".join(map(delimited, messages))
    return len(content).to_bytes(LENGTH_SIZE, "big") + content


def frame_length(prefix: bytes, longest: int) -> int:
    """Decode the length of a frame.

    Parameters
    ----------
    prefix : bytes
        The first four bytes.
    longest : int
        Most bytes that a frame may have.

    Raises
    ------
    RpcError
        When it is not a valid length.
    """
    length = int.from_bytes(prefix, "big", signed=True)
    if not 0 < length <= longest:
        raise RpcError(
            f"a frame of {length} bytes (up to {longest} are allowed); is this a port of Hadoop's?"
        )
    return length


class FrameReader:
    """Reads the messages of one frame.

    Parameters
    ----------
    content : bytes
        The frame without its length.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def _length(self) -> int:
        length = 0
        for index in range(_VARINT_SIZE):
            if self._position >= len(self._content):
                break
            byte = self._content[self._position]
            self._position += 1
            length |= (byte & 0x7F) << (7 * index)
            if byte <= 0x7F:  # noqa: PLR2004
                return length
        raise RpcError("a frame with a message whose length cannot be read")

    def take(self, name: str) -> Any:
        """Read the next message.

        Parameters
        ----------
        name : str
            Its type.

        Raises
        ------
        RpcError
            When there is no message of this type.
        """
        length = self._length()
        end = self._position + length
        if end > len(self._content):
            raise RpcError("a frame that ends inside a message")
        content, self._position = self._content[self._position : end], end
        try:
            message = message_class(name).FromString(content)
        except (DecodeError, ValueError) as exc:  # UnicodeDecodeError from pure-Python protobuf
            raise RpcError(f"a frame that holds no {name}") from exc
        if not message.IsInitialized():  # some versions' parsers do not check it
            raise RpcError(f"a frame with an incomplete {name}")
        if not _is_text(message):
            raise RpcError(f"a frame with a {name} whose text is not in UTF-8")
        return message


def _is_text(message: Any) -> bool:
    """Return whether all strings are text: some protobuf versions return bytes if not in UTF-8."""
    for field, value in message.ListFields():
        single = isinstance(value, (str, bytes)) or hasattr(value, "ListFields")
        values = [value] if single else value
        if field.type == FieldDescriptor.TYPE_STRING:
            if not all(isinstance(text, str) for text in values):
                return False
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not all(map(_is_text, values)):
            return False
    return True


def _remote_error(header: Any) -> RpcError | HadoopError:
    name = header.exceptionClassName
    short = name.rpartition(".")[2]
    if short == "AccessControlException" and "SIMPLE authentication is not enabled" in (
        header.errorMsg
    ):
        return AuthenticationError(_WANTS_KERBEROS)
    return _ERRORS.get(short, HadoopError)(name, header.errorMsg)


def read_wrapped(content: bytes) -> bytes:
    """Read a frame of a protected connection, and return its wrapped content.

    Errors are wrapped, too: an unwrapped answer must come from someone else.

    Parameters
    ----------
    content : bytes
        The frame without its length.

    Raises
    ------
    RpcError
        When it is not a wrapped frame.
    """
    reader = FrameReader(content)
    header = reader.take("hadoop.common.RpcResponseHeaderProto")
    if header.status == _SUCCESS and header.callId == SASL_ANSWER:
        packet = reader.take(SASL_MESSAGE)
        if packet.state == packet.WRAP:
            return bytes(packet.token)
    raise RpcError("an answer that is not protected, as was agreed on")


def read_answer(content: bytes, call_id: int, name: str) -> Any:
    """Read the answer to a call.

    Parameters
    ----------
    content : bytes
        A frame without its length.
    call_id : int
        The call's number.
    name : str
        The type of the answer.

    Raises
    ------
    RpcError
        When it is not the answer to this call.
    HadoopError
        When the answer is an exception.
    """
    reader = FrameReader(content)
    header = reader.take("hadoop.common.RpcResponseHeaderProto")
    if header.status != _SUCCESS:  # errors that end the connection have other call ids
        raise _remote_error(header)
    if header.callId != call_id:
        raise RpcError(f"an answer to call {header.callId} instead of {call_id}")
    return reader.take(name)
