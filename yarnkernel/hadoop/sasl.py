"""Identities for Hadoop RPC connections, and their authentication by SASL.

RpcHeader.proto, SaslRpcClient.java and SaslRpcServer.java of Hadoop 3.5.0 describe the negotiation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop.digest_md5 import DigestMd5
from yarnkernel.hadoop.messages import message_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnkernel.deadline import Deadline
    from yarnkernel.hadoop.credentials import Token

_MESSAGE = "hadoop.common.RpcSaslProto"


class SaslClient(Protocol):
    """The client side of a SASL mechanism.

    Attributes
    ----------
    protection : str
        The protection, once both sides have agreed on it: ``"authentication"``,
        ``"integrity"`` or ``"privacy"`` (hadoop.rpc.protection).
    """

    protection: str

    def respond(self, challenge: bytes) -> bytes:
        """Answer a challenge of the server; the first one may be empty."""

    def finish(self, token: bytes) -> None:
        """Check the server's last message; raise AuthenticationError if it proves nothing."""

    def wrap(self, message: bytes) -> bytes:
        """Protect a message to the server."""

    def unwrap(self, packet: bytes) -> bytes:
        """Unwrap a message from the server; raise RpcError if it is damaged."""


class Login(Protocol):
    """The identity for a connection.

    Attributes
    ----------
    method : str
        The authentication method, as offered by servers: ``"TOKEN"`` or ``"KERBEROS"``; empty
        without SASL.
    user : str
        The user to act as; empty if SASL determines it.
    real_user : str
        The user who acts for another one, unless SASL determines it; else empty.
    """

    method: str
    user: str
    real_user: str

    def begin(self, offer: Any, deadline: Deadline) -> SaslClient:
        """Begin the authentication.

        Parameters
        ----------
        offer : RpcSaslProto.SaslAuth
            The server's offer for this method.
        deadline : Deadline
            For requests to other servers.
        """


class SimpleLogin:
    """A user name without any proof.

    Parameters
    ----------
    user : str
        The name.
    real_user : str, optional
        The user's own name, if ``user`` is another one to act for.
    """

    method = ""

    def __init__(self, user: str, real_user: str = "") -> None:
        self.user = user
        self.real_user = real_user

    def begin(self, offer: Any, deadline: Deadline) -> SaslClient:
        """Raise NotImplementedError, as there is nothing to prove."""
        raise NotImplementedError(offer, deadline)


class TokenLogin:
    """A login with a token.

    Parameters
    ----------
    token : Token
        The token.
    protections : sequence of str
        Acceptable protections, in order of preference; see :mod:`~yarnkernel.hadoop.protection`.
    """

    method = "TOKEN"
    user = real_user = ""

    def __init__(self, token: Token, protections: Sequence[str]) -> None:
        self.token = token
        self._protections = protections

    def begin(self, offer: Any, deadline: Deadline) -> SaslClient:  # noqa: ARG002
        """See :class:`Login`.

        Raises
        ------
        AuthenticationError
            When the server requires a mechanism other than DIGEST-MD5
            (hadoop.security.sasl.mechanism).
        """
        if offer.mechanism != "DIGEST-MD5":
            raise AuthenticationError(
                f"the server wants the SASL mechanism {offer.mechanism} for tokens, "
                "which yarnkernel does not speak"
            )
        return DigestMd5(self.token, offer.protocol, offer.serverId, self._protections)


def negotiate(login: Login, exchange: Callable[[Any], Any], deadline: Deadline) -> SaslClient:
    """Log in.

    Parameters
    ----------
    login : Login
        The identity.
    exchange : callable
        Sends one RpcSaslProto and returns the server's next one.
    deadline : Deadline
        For the whole negotiation.

    Returns
    -------
    SaslClient
        Protects later messages, if that was agreed on.

    Raises
    ------
    AuthenticationError
        When the server refuses the login, or is not the expected one.
    """
    message = message_class(_MESSAGE)
    answer = exchange(message(state="NEGOTIATE"))
    if answer.state != message.NEGOTIATE:
        raise _out_of_order(answer)
    offer = next((auth for auth in answer.auths if auth.method == login.method), None)
    if offer is None:
        offered = ", ".join(sorted({auth.method for auth in answer.auths})) or "nothing"
        raise AuthenticationError(f"the server offers {offered}, and not {login.method}")
    client = login.begin(offer, deadline)
    initiate = message(state="INITIATE", token=client.respond(offer.challenge))
    initiate.auths.add().CopyFrom(offer)
    initiate.auths[0].ClearField("challenge")
    answer = exchange(initiate)
    while answer.state == message.CHALLENGE:
        answer = exchange(message(state="RESPONSE", token=client.respond(answer.token)))
    if answer.state != message.SUCCESS:
        raise _out_of_order(answer)
    client.finish(answer.token)
    return client


def _out_of_order(answer: Any) -> AuthenticationError:
    return AuthenticationError(f"the server's answer {answer.state} is out of order")
