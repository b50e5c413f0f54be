"""One connection of Hadoop RPC, with one deadline over all that a call does."""

from __future__ import annotations

import contextlib
import errno
import socket
import uuid
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import (
    AuthenticationError,
    HadoopError,
    RpcError,
    RpcTimeoutError,
    UnreachableError,
)
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.user import user_name
from yarnkernel.hadoop.wire import LENGTH_SIZE, NO_KERBEROS, frame, frame_length, read_answer

if TYPE_CHECKING:
    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration

#: "hrpc", version 9, service class 0, authentication: none (-33 is SASL).
_CONNECTION_HEADER = b"hrpc\x09\x00\x00"
#: The call that carries the connection's context.
_CONTEXT_CALL = -3
#: ipc.maximum.response.length of core-default.xml: 128 MiB.
_LONGEST_RESPONSE = 128 << 20
#: Bytes that are asked of the socket at once, so that a length is not believed before it arrives.
_CHUNK = 1 << 20


class RpcConnection:
    """A connection to one daemon for one protocol, made when it is first needed.

    Not for several threads at once.

    Parameters
    ----------
    address : tuple of str and int
        Host and port.
    protocol : str
        The protocol's name on the wire.
    configuration : Configuration
        Of the cluster.
    """

    def __init__(
        self, address: tuple[str, int], protocol: str, configuration: Configuration
    ) -> None:
        self.address = address
        self._protocol = protocol
        self._longest = configuration.get_int("ipc.maximum.response.length", _LONGEST_RESPONSE)
        self._kerberos = configuration.wants_kerberos
        self._client_id = uuid.uuid4().bytes
        self._call_id = -1
        self._socket: socket.socket | None = None

    def __str__(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    def close(self) -> None:
        """Close the connection; the next call makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(self, method: str, request: Any, answer: str, deadline: Deadline) -> Any:
        """Call a method and wait for its answer.

        Parameters
        ----------
        method : str
            Its name in Java.
        request : protobuf message
            Its argument.
        answer : str
            Type of its answer.
        deadline : Deadline
            For connecting, sending and receiving together. What the system's
            resolver takes for the host's name is not under our control.

        Raises
        ------
        RpcError
            When the daemon answers with what is no answer.
        UnreachableError
            When it cannot be reached.
        RpcTimeoutError
            When the deadline passes first.
        AuthenticationError
            When the daemon wants more than a user's name.
        HadoopError
            When it answers with an exception.
        """
        idle = self._socket is not None
        try:
            try:
                return self._exchange(method, request, answer, deadline)
            except (ConnectionResetError, BrokenPipeError):
                if not idle:
                    raise
                # Servers close connections that are idle (ipc.client.connection.maxidletime).
                return self._exchange(method, request, answer, deadline)
        except HadoopError:
            raise
        except RpcError as exc:
            raise type(exc)(f"{self}: {exc}") from exc
        except TimeoutError:
            raise RpcTimeoutError(f"{self} did not answer in time") from None
        except OSError as exc:
            raise UnreachableError(f"{self}: {exc.strerror or exc}") from exc

    def _exchange(self, method: str, request: Any, answer: str, deadline: Deadline) -> Any:
        try:
            opening = b"" if self._socket else self._connect(deadline)
            self._call_id = (self._call_id + 1) & 0x7FFFFFFF
            header = message_class("hadoop.common.RequestHeaderProto")(
                methodName=method,
                declaringClassProtocolName=self._protocol,
                clientProtocolVersion=1,
            )
            self._send(opening + frame(self._header(self._call_id), header, request), deadline)
            length = frame_length(self._receive(LENGTH_SIZE, deadline), self._longest)
            return read_answer(self._receive(length, deadline), self._call_id, answer)
        except HadoopError:
            raise  # an answer like others; where it ends the connection, the next call finds out
        except BaseException:  # Ctrl-C too: what is still to come is no later call's answer
            self.close()
            raise

    def _connect(self, deadline: Deadline) -> bytes:
        """Connect, and return what has to be sent before the first call."""
        if self._kerberos:
            # Here SASL goes: header with -33, negotiation (call -33), and only then the context.
            raise AuthenticationError(NO_KERBEROS)
        self._socket = _open_socket(self.address, deadline)
        context = message_class("hadoop.common.IpcConnectionContextProto")(protocol=self._protocol)
        context.userInfo.effectiveUser = user_name()
        return _CONNECTION_HEADER + frame(self._header(_CONTEXT_CALL), context)

    def _header(self, call_id: int) -> Any:
        return message_class("hadoop.common.RpcRequestHeaderProto")(
            rpcKind="RPC_PROTOCOL_BUFFER",
            rpcOp="RPC_FINAL_PACKET",
            callId=call_id,
            clientId=self._client_id,
            retryCount=-1,
        )

    def _send(self, content: bytes, deadline: Deadline) -> None:
        assert self._socket is not None  # noqa: S101  (it has been connected)
        self._socket.settimeout(_time_left(deadline))
        self._socket.sendall(content)

    def _receive(self, size: int, deadline: Deadline) -> bytes:
        assert self._socket is not None  # noqa: S101
        content = bytearray()
        while len(content) < size:
            self._socket.settimeout(_time_left(deadline))
            part = self._socket.recv(min(size - len(content), _CHUNK))
            if not part:
                raise ConnectionResetError(errno.ECONNRESET, "it closed the connection")
            content += part
        return bytes(content)


def _time_left(deadline: Deadline) -> float:
    if deadline.passed:
        raise TimeoutError
    return deadline.step(deadline.seconds)


def _open_socket(address: tuple[str, int], deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers."""
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, OverflowError) as exc:
        raise UnreachableError(f"there is no such host ({exc})") from exc
    failure: OSError = ConnectionRefusedError()
    for family, kind, protocol, _, target in found:
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(socket.socket(family, kind, protocol))
            opened.settimeout(_time_left(deadline))
            try:
                opened.connect(target)
            except TimeoutError:
                raise
            except OSError as exc:
                failure = exc
                continue
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stack.pop_all()
            return opened
    raise failure
