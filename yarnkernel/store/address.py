"""The address of a kernel's key-value store, and how both sides authenticate each other."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The name in skein's certificates (skein 0.8.2, model.py, Security.new_credentials).
SKEIN_NAME = "skein-internal"
_FINGERPRINT = "yarnkernel:sha256="


@dataclass(frozen=True)
class CurveKeys:
    """CurveZMQ keys by which a client and a store outside YARN authenticate each other, in Z85.

    Attributes
    ----------
    server : str
        The store's public key.
    public, secret : str
        The client's key pair.
    """

    server: str
    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class StoreAddress:
    """A key-value store.

    Attributes
    ----------
    kernel : str
        The id of its kernel, which also identifies the kernel's own credentials, if it has any.
    host : str
        Its server's host.
    port : int
        The server's port.
    user : str
        The user who started the kernel.
    state : str
        The kernel's state, for messages.
    has_own_certificate : bool
        Whether the server's certificate has the kernel's name rather than skein's.
    makes_own_keys : bool
        Whether the server made its key itself, so that the key may have to be certified.
    fingerprint : str
        SHA-256 of that key, as reported by the kernel's place; empty if it is not reported.
    curve : CurveKeys or None
        The keys for a store outside YARN, which does not have skein's protocol.
    """

    kernel: str
    host: str
    port: int
    user: str = ""
    state: str = ""
    has_own_certificate: bool = False
    makes_own_keys: bool = False
    fingerprint: str = ""
    curve: CurveKeys | None = None

    @property
    def name(self) -> str:
        """The name in the server's certificate."""
        return certificate_name(self.kernel) if self.has_own_certificate else SKEIN_NAME

    def __str__(self) -> str:
        """Return ``host:port``, as gRPC takes it."""
        return f"{self.host}:{self.port}"


def certificate_name(kernel: str) -> str:
    """Return the name of a kernel in its own certificate."""
    return kernel.replace("_", "-")


def fingerprint_url(fingerprint: str) -> str:
    """Return a key's fingerprint in the form in which YARN takes it: as a web page's address."""
    return f"{_FINGERPRINT}{fingerprint}"


def read_fingerprint(url: str) -> str:
    """Return the fingerprint in such an address; empty if there is none."""
    return url.partition(_FINGERPRINT)[2]
