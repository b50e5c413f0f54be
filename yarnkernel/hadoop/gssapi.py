"""SASL GSSAPI (RFC 4752): mutual authentication of client and server by Kerberos."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, TypeVar

from yarnkernel.deadline import Deadline
from yarnkernel.errors import AuthenticationError, RpcError
from yarnkernel.hadoop.endless_calls import start_in_thread
from yarnkernel.hadoop.protection import no_common_protection
from yarnkernel.hadoop.tickets import Tickets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnkernel.hadoop.configuration import Configuration

_Result = TypeVar("_Result")
#: Seconds to find out the user's principal; with a keytab this requests a ticket from the KDC.
NAME_TIMEOUT = 10.0
#: Flags of a context (RFC 2744): GSS_C_MUTUAL_FLAG, _REPLAY_, _SEQUENCE_, _CONF_ and _INTEG_.
_MUTUAL, _REPLAY, _SEQUENCE, _CONFIDENTIALITY, _INTEGRITY = 2, 4, 8, 16, 32
_WANTED = _MUTUAL | _REPLAY | _SEQUENCE | _CONFIDENTIALITY | _INTEGRITY
#: Bits of security layers (RFC 4752, 3.3), and the flags that a context needs for them.
_LAYERS = {
    "authentication": (1, _MUTUAL),
    "integrity": (2, _MUTUAL | _INTEGRITY | _REPLAY | _SEQUENCE),
    "privacy": (4, _WANTED),
}
#: Size of the longest packet: Java's default. Hadoop ignores it, and so does this module.
_MAXBUF = 65536
#: Bytes of an offer: the layers, and the size of the server's longest packet.
_OFFER_SIZE = 4


def tickets_of(configuration: Configuration) -> Tickets:
    """Return the user's tickets: those here if there are any, else those of the edge node."""
    here = Tickets(configuration.environment)
    if configuration.edge is None:
        return here
    try:
        own_principal(here, Deadline(NAME_TIMEOUT))
    except AuthenticationError:
        return configuration.edge.tickets
    return here


def own_principal(tickets: Tickets, deadline: Deadline) -> str:
    """Return the user's principal, with its realm.

    Parameters
    ----------
    tickets : Tickets
        The user's.
    deadline : Deadline
        For the KDC, which is asked if there is a keytab and no ticket yet.

    Raises
    ------
    AuthenticationError
        When there is neither a ticket nor a key with which to get one.
    """

    def inquire() -> str:
        library = tickets.library()
        return library.display_name(library.inquire_cred(tickets.credential()))

    return _within(deadline, inquire)


def own_lifetime(tickets: Tickets, deadline: Deadline) -> int:
    """Return the remaining lifetime of the user's ticket in seconds; see :func:`own_principal`."""

    def inquire() -> int:
        return tickets.library().lifetime(tickets.credential())

    return _within(deadline, inquire)


def default_realm(tickets: Tickets) -> str:
    """Return the realm of principals without one.

    Raises
    ------
    AuthenticationError
        When krb5.conf has none.
    """
    library = tickets.library()
    return library.display_name(library.import_name("anybody")).partition("@")[2]


def realm_of_host(host: str, tickets: Tickets, deadline: Deadline) -> str:
    """Return a host's realm from ``[domain_realm]`` of krb5.conf, else the default realm.

    Raises
    ------
    AuthenticationError
        When krb5.conf has neither.
    """
    library = tickets.library()
    name = _within(deadline, lambda: library.display_name(library.import_service("host", host)))
    return name.rpartition("@")[2] or default_realm(tickets)


class Gssapi:
    """The client side of one authentication; a :class:`~yarnkernel.hadoop.sasl.SaslClient`.

    Parameters
    ----------
    server : str
        The principal that the server has to prove.
    protections : sequence of str
        Acceptable protections, in order of preference.
    tickets : Tickets
        The user's.
    deadline : Deadline
        For the KDC.
    """

    def __init__(
        self,
        server: str,
        protections: Sequence[str],
        tickets: Tickets,
        deadline: Deadline,
    ) -> None:
        self._library = tickets.library()
        self._protections = protections
        self._tickets = tickets
        self._deadline = deadline
        self._server = self._library.import_name(server)
        self._context = self._library.new_context()
        self._credential: Any = None
        self._flags = 0
        self._established = False
        self.protection = ""

    def respond(self, challenge: bytes) -> bytes:
        """Answer the server's challenge; the first answer may need a request to the KDC.

        Raises
        ------
        AuthenticationError
            When authentication with the server or the KDC fails.
        """
        if self._established:
            return self._choose_layer(challenge)
        return _within(self._deadline, lambda: self._step(challenge))

    def _step(self, challenge: bytes) -> bytes:
        if self._credential is None:
            self._credential = self._tickets.credential()
        answer, self._flags, self._established = self._library.init_sec_context(
            self._credential, self._context, self._server, _WANTED, challenge
        )
        return answer

    def _choose_layer(self, challenge: bytes) -> bytes:
        offer, _, in_order = self._library.unwrap(self._context, challenge)
        if self.protection or not in_order or len(offer) != _OFFER_SIZE:
            raise AuthenticationError("the server's offer of protections cannot be read")
        for protection in self._protections:
            layer, needed = _LAYERS[protection]
            if offer[0] & layer and self._flags & needed == needed:
                self.protection = protection
                longest = 0 if protection == "authentication" else _MAXBUF
                choice = bytes([layer]) + longest.to_bytes(3, "big")
                return self._library.wrap(self._context, choice, private=False)[0]
        offered = [name for name, (layer, _) in _LAYERS.items() if offer[0] & layer]
        raise no_common_protection(offered, self._protections)

    def finish(self, token: bytes) -> None:  # noqa: ARG002  (empty: all has been said)
        """Check that the server has proved its identity.

        Raises
        ------
        AuthenticationError
            When it has not.
        """
        if not self.protection:
            raise AuthenticationError("the server lets us in before it has proved who it is")

    def wrap(self, message: bytes) -> bytes:
        """Sign a message, and encrypt it for privacy."""
        private = self.protection == "privacy"
        packet, encrypted = self._library.wrap(self._context, message, private=private)
        if private and not encrypted:
            raise RpcError("Kerberos does not encrypt what is sent")
        return packet

    def unwrap(self, packet: bytes) -> bytes:
        """Undo the server's wrapping.

        Raises
        ------
        RpcError
            When the packet is damaged, not the server's next one, or not encrypted as agreed.
        """
        try:
            message, encrypted, in_order = self._library.unwrap(self._context, packet)
        except AuthenticationError as exc:
            raise RpcError(f"a packet that was changed on its way ({exc})") from exc
        if not in_order:
            raise RpcError("a packet that is not the next one of this connection")
        if self.protection == "privacy" and not encrypted:
            raise RpcError("a packet that is not encrypted")
        return message


def _within(deadline: Deadline, work: Callable[[], _Result]) -> _Result:
    """Run a call that may wait for a KDC: the library itself has no timeout."""
    try:
        return start_in_thread(work).result(deadline.step(deadline.seconds))
    except FutureTimeoutError:
        raise AuthenticationError(
            "Kerberos: the KDC does not answer in time; is krb5.conf (KRB5_CONFIG) right?"
        ) from None
