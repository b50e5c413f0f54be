"""Who a connection of Hadoop RPC says that it is, and how it proves that.

RpcHeader.proto, SaslRpcClient.java and SaslRpcServer.java of Hadoop 3.5.0 describe the
negotiation.
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
    """The client's side of one SASL mechanism.

    Attributes
    ----------
    protection : str
        What the two sides have agreed on, once they have: ``"authentication"``,
        ``"integrity"`` or ``"privacy"`` (hadoop.rpc.protection).
    """

    protection: str

    def respond(self, challenge: bytes) -> bytes:
        """Answer a challenge of the server's; the first one may be empty."""

    def finish(self, token: bytes) -> None:
        """Take the server's last word; AuthenticationError when that proves nothing."""

    def wrap(self, message: bytes) -> bytes:
        """Protect a message on its way to the server."""

    def unwrap(self, packet: bytes) -> bytes:
        """Take the protection off a message of the server's; RpcError when it is damaged."""


class Login(Protocol):
    """Who we are.

    Attributes
    ----------
    method : str
        How we say so, as servers offer it: ``"TOKEN"`` or ``"KERBEROS"``; empty
        without SASL.
    user : str
        Whom the server is to take us for; empty where SASL tells it.
    real_user : str
        Who we are ourselves, where SASL does not tell it and we act for others.
    """

    method: str
    user: str
    real_user: str

    def begin(self, offer: Any, deadline: Deadline) -> SaslClient:
        """Begin to prove it.

        Parameters
        ----------
        offer : RpcSaslProto.SaslAuth
            The server's, for our method.
        deadline : Deadline
            For what others have to be asked.
        """


class SimpleLogin:
    """A name that is believed.

    Parameters
    ----------
    user : str
        The name.
    real_user : str, optional
        Our own one, when that is somebody else's for whom we act.
    """

    method = ""

    def __init__(self, user: str, real_user: str = "") -> None:
        self.user = user
        self.real_user = real_user

    def begin(self, offer: Any, deadline: Deadline) -> SaslClient:
        """There is nothing to prove."""
        raise NotImplementedError(offer, deadline)


class TokenLogin:
    """Who holds a token.

    Parameters
    ----------
    token : Token
        The token.
    protections : sequence of str
        What may be agreed on, the best first; see :mod:`~yarnkernel.hadoop.protection`.
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
            When the server wants another mechanism than DIGEST-MD5
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
        Who we are.
    exchange : callable
        Sends one RpcSaslProto and returns the server's next one.
    deadline : Deadline
        For all of it.

    Returns
    -------
    SaslClient
        To protect what follows, where that was agreed on.

    Raises
    ------
    AuthenticationError
        When the server does not let us in, or is not who it should be.
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
