"""A Hadoop RPC connection, with one deadline for everything that a call does."""

from __future__ import annotations

import errno
import uuid
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import (
    AccessDeniedError,
    AuthenticationError,
    HadoopConfigurationError,
    HadoopError,
    InvalidTokenError,
    RpcError,
    RpcTimeoutError,
    StandbyError,
    UnreachableError,
)
from yarnkernel.hadoop.login import user_login
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.sasl import negotiate
from yarnkernel.hadoop.sockets import open_socket, socks_server, time_left
from yarnkernel.hadoop.wire import (
    LENGTH_SIZE,
    SASL_ANSWER,
    SASL_CALL,
    SASL_MESSAGE,
    frame,
    frame_length,
    read_answer,
    read_wrapped,
)

if TYPE_CHECKING:
    import socket

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.configuration import Configuration
    from yarnkernel.hadoop.sasl import Login, SaslClient

#: "hrpc", version 9, service class 0; followed by the authentication: none, or SASL (-33).
_CONNECTION_HEADER = b"hrpc\x09\x00"
_NO_AUTHENTICATION = b"\x00"
_SASL = b"\xdf"
#: The call that carries the connection's context.
_CONTEXT_CALL = -3
#: Errors that servers may answer with before authentication.
_REFUSALS = (AccessDeniedError, InvalidTokenError, StandbyError)
#: ipc.maximum.response.length of core-default.xml: 128 MiB.
_LONGEST_RESPONSE = 128 << 20
#: Bytes to read from the socket at once, so that a false length does not allocate memory.
_CHUNK = 1 << 20


class RpcConnection:
    """A connection to one daemon for one protocol, made when it is first needed.

    Not thread-safe.

    Parameters
    ----------
    address : tuple of str and int
        Host and port.
    protocol : str
        The protocol's name on the wire.
    configuration : Configuration
        Of the cluster.
    login : Login, optional
        The identity; by default the user, logged in as the configuration requires.
    """

    def __init__(
        self,
        address: tuple[str, int],
        protocol: str,
        configuration: Configuration,
        login: Login | None = None,
    ) -> None:
        self.address = address
        self._protocol = protocol
        self._longest = configuration.get_int("ipc.maximum.response.length", _LONGEST_RESPONSE)
        self._configuration = configuration
        self._login = login
        self._client_id = uuid.uuid4().bytes
        self._call_id = -1
        self._socket: socket.socket | None = None
        #: Protects messages if both sides have agreed on that.
        self._protector: SaslClient | None = None
        #: Bytes from protected packets that have not been read yet.
        self._unwrapped = bytearray()

    def __str__(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    @property
    def protection(self) -> str:
        """The protection of messages: ``"integrity"`` or ``"privacy"``; empty for none."""
        return "" if self._protector is None else self._protector.protection

    def close(self) -> None:
        """Close the connection; the next call makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._protector = None
            self._unwrapped.clear()

    def call(self, method: str, request: Any, answer: str, deadline: Deadline) -> Any:
        """Call a method and wait for its answer.

        Parameters
        ----------
        method : str
            Its name in Java.
        request : protobuf message
            Its argument.
        answer : str
            The answer's type.
        deadline : Deadline
            For resolving the host, connecting, sending and receiving together.

        Raises
        ------
        RpcError
            When the daemon's answer is invalid.
        UnreachableError
            When it cannot be reached.
        RpcTimeoutError
            When the deadline passes first.
        AuthenticationError
            When the daemon refuses the login, or is not the expected one.
        HadoopConfigurationError
            When the site files lack what the login needs.
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
                # Servers close idle connections (ipc.client.connection.maxidletime).
                return self._exchange(method, request, answer, deadline)
        except (HadoopError, HadoopConfigurationError):
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
            return read_answer(self._receive_frame(deadline), self._call_id, answer)
        except HadoopError:
            raise  # a valid answer; if it ends the connection, the next call notices
        except BaseException:  # also Ctrl-C: bytes yet to come must not answer a later call
            self.close()
            raise

    def _connect(self, deadline: Deadline) -> bytes:
        """Connect, and return the bytes to send before the first call."""
        login = self._login or user_login(
            self._configuration, self._protocol, self.address, deadline
        )
        socks = socks_server(self._configuration, deadline, self._protocol)
        self._socket = open_socket(self.address, deadline, socks)
        opening = _CONNECTION_HEADER + _NO_AUTHENTICATION
        context = message_class("hadoop.common.IpcConnectionContextProto")(protocol=self._protocol)
        if login.method:
            self._log_in(login, deadline)
            opening = b""
        if login.user:
            context.userInfo.effectiveUser = login.user
        if login.real_user:
            context.userInfo.realUser = login.real_user
        return opening + frame(self._header(_CONTEXT_CALL), context)

    def _log_in(self, login: Login, deadline: Deadline) -> None:
        """Authenticate, and agree on a protection for the messages after that."""
        opening = _CONNECTION_HEADER + _SASL

        def exchange(message: Any) -> Any:
            nonlocal opening
            self._send(opening + frame(self._header(SASL_CALL), message), deadline)
            opening = b""
            return read_answer(self._receive_frame(deadline), SASL_ANSWER, SASL_MESSAGE)

        try:
            client = negotiate(login, exchange, deadline)
        except HadoopError as exc:
            self.close()  # the server has closed its side, too
            if isinstance(exc, _REFUSALS):
                raise
            # Nothing is protected yet: an error about applications could be forged.
            raise AuthenticationError(f"it does not let us in: {exc}") from exc
        if client.protection != "authentication":
            self._protector = client

    def _header(self, call_id: int) -> Any:
        return message_class("hadoop.common.RpcRequestHeaderProto")(
            rpcKind="RPC_PROTOCOL_BUFFER",
            rpcOp="RPC_FINAL_PACKET",
            callId=call_id,
            clientId=b"" if call_id == SASL_CALL else self._client_id,
            retryCount=-1,
        )

    def _send(self, content: bytes, deadline: Deadline) -> None:
        assert self._socket is not None  # noqa: S101  (it has been connected)
        if self._protector is not None:
            packet = message_class(SASL_MESSAGE)(state="WRAP", token=self._protector.wrap(content))
            content = frame(self._header(SASL_CALL), packet)
        self._socket.settimeout(time_left(deadline))
        self._socket.sendall(content)

    def _receive_frame(self, deadline: Deadline) -> bytes:
        receive = self._receive if self._protector is None else self._receive_protected
        return receive(frame_length(receive(LENGTH_SIZE, deadline), self._longest), deadline)

    def _receive_protected(self, size: int, deadline: Deadline) -> bytes:
        assert self._protector is not None  # noqa: S101
        while len(self._unwrapped) < size:
            length = frame_length(self._receive(LENGTH_SIZE, deadline), self._longest)
            packet = read_wrapped(self._receive(length, deadline))
            self._unwrapped += self._protector.unwrap(packet)
        content = bytes(self._unwrapped[:size])
        del self._unwrapped[:size]
        return content

    def _receive(self, size: int, deadline: Deadline) -> bytes:
        assert self._socket is not None  # noqa: S101
        content = bytearray()
        while len(content) < size:
            self._socket.settimeout(time_left(deadline))
            part = self._socket.recv(min(size - len(content), _CHUNK))
            if not part:
                raise ConnectionResetError(errno.ECONNRESET, "it closed the connection")
            content += part
        return bytes(content)
