"""Where a kernel's key-value store is, and how the two sides know each other there."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The name in skein's certificates (skein 0.8.2, model.py, Security.new_credentials).
SKEIN_NAME = "skein-internal"
_FINGERPRINT = "yarnkernel:sha256="


@dataclass(frozen=True)
class CurveKeys:
    """Keys of CurveZMQ by which a client and a store outside YARN know each other, in Z85.

    Attributes
    ----------
    server : str
        The store's public key.
    public, secret : str
        The client's pair.
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
        The id of its kernel, by which its credentials are kept where it has its own.
    host : str
        Its server's host.
    port : int
        The server's port.
    user : str
        Who has started the kernel.
    state : str
        The kernel's, for messages.
    has_own_certificate : bool
        Whether the server's certificate has the kernel's name, and not skein's.
    makes_own_keys : bool
        Whether the server has made its key itself, so that it may have to be certified.
    fingerprint : str
        SHA-256 of that key, as the kernel's place tells it; empty where it does not.
    curve : CurveKeys or None
        Of a store outside YARN, which is no skein's: how to speak with it.
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
        """``host:port``, as gRPC takes it."""
        return f"{self.host}:{self.port}"


def certificate_name(kernel: str) -> str:
    """Return the name of a kernel in a certificate of its own."""
    return kernel.replace("_", "-")


def fingerprint_url(fingerprint: str) -> str:
    """Write a key's fingerprint as YARN can be told it: as the address of a web page."""
    return f"{_FINGERPRINT}{fingerprint}"


def read_fingerprint(url: str) -> str:
    """Read it again; empty when there is none."""
    return url.partition(_FINGERPRINT)[2]
