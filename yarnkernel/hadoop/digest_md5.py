"""SASL DIGEST-MD5 (RFC 2831), by which clients log in to Hadoop's servers with a token.

It works as in Java's ``com.sun.security.sasl.digest`` with ``SaslRpcServer`` of Hadoop 3.5.0: the
user is the token's identifier and the password its password, both in base64. The only cipher for
privacy is RC4, which Java offers by default. The protocol prescribes MD5 and RC4; Hadoop uses it
inside its own network and with passwords of 160 random bits.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from yarnkernel.errors import AuthenticationError, RpcError
from yarnkernel.hadoop.protection import no_common_protection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnkernel.hadoop.credentials import Token

#: RFC 2831's names for the qualities of protection.
_QUALITIES = {"privacy": "auth-conf", "integrity": "auth-int", "authentication": "auth"}
_DIRECTIVE = re.compile(r'([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))')
#: Bytes of a message's authentication code (RFC 2831, 2.3); type and number follow it.
_CODE_SIZE = 10
#: Block size of MD5; keys here are shorter.
_BLOCK_SIZE = 64
_MESSAGE_TYPE = b"\x00\x01"
_TRAILER_SIZE = 6
#: Size of the longest packet that is accepted.
_MAXBUF = 65536


class DigestMd5:
    """The client side of one authentication; a :class:`~yarnkernel.hadoop.sasl.SaslClient`.

    Parameters
    ----------
    token : Token
        The token to log in with.
    service, host : str
        As announced by the server.
    protections : sequence of str
        Acceptable protections, in order of preference.
    """

    def __init__(self, token: Token, service: str, host: str, protections: Sequence[str]) -> None:
        self._protections = protections
        self._user = base64.b64encode(token.identifier)
        self._password = base64.b64encode(token.password)
        self._uri = f"{service}/{host}".encode()
        self._proof = b""
        self.protection = ""
        self._sent = self._received = 0

    def respond(self, challenge: bytes) -> bytes:
        """Answer the server's challenge.

        Raises
        ------
        AuthenticationError
            When it requires something that is not supported.
        """
        found = _DIRECTIVE.findall(challenge.decode("utf-8", "replace"))
        directives = {name: quoted or plain for name, quoted, plain in found}
        words = [word.strip() for word in directives.get("qop", "auth").split(",")]
        ciphers = directives.get("cipher", "").split(",")
        if "rc4" not in ciphers:
            words = [word for word in words if word != "auth-conf"]
        offered = [name for name, word in _QUALITIES.items() if word in words]
        if not offered or "nonce" not in directives:
            raise AuthenticationError(
                "the server's DIGEST-MD5 challenge is not understood: it offers the protections "
                f"{directives.get('qop')!r} and the ciphers {directives.get('cipher')!r}"
            )
        self.protection = next((name for name in self._protections if name in offered), "")
        if not self.protection:
            raise no_common_protection(offered, self._protections)
        quality = _QUALITIES[self.protection]
        realm, nonce = directives.get("realm", "").encode(), directives["nonce"].encode()
        cnonce = base64.b64encode(secrets.token_bytes(18))
        secret = _md5(
            _md5(b":".join((self._user, realm, self._password))) + b":" + nonce + b":" + cnonce
        )

        def response(method: bytes) -> bytes:
            second = method + self._uri
            if quality != "auth":
                second += b":" + b"0" * 32
            parts = (_hex(secret), nonce, b"00000001", cnonce, quality.encode(), _hex(_md5(second)))
            return _hex(_md5(b":".join(parts)))

        self._proof = b"rspauth=" + response(b":")
        self._derive_keys(secret)
        fields = {
            "charset": b"utf-8",
            "username": b'"%s"' % self._user,
            "realm": b'"%s"' % realm,
            "nonce": b'"%s"' % nonce,
            "nc": b"00000001",
            "cnonce": b'"%s"' % cnonce,
            "digest-uri": b'"%s"' % self._uri,
            "maxbuf": b"%d" % _MAXBUF,
            "response": response(b"AUTHENTICATE:"),
            "qop": quality.encode(),
        }
        if quality == "auth-conf":
            fields["cipher"] = b'"rc4"'
        return b",".join(b"%s=%s" % (name.encode(), value) for name, value in fields.items())

    def _derive_keys(self, secret: bytes) -> None:
        signing = b"Digest session key to %s signing key magic constant"
        sealing = b"Digest H(A1) to %s sealing key magic constant"
        ours, theirs = b"client-to-server", b"server-to-client"
        self._sign_key, self._check_key = (_md5(secret + signing % way) for way in (ours, theirs))
        self._seal, self._open = (Rc4(_md5(secret + sealing % way)) for way in (ours, theirs))

    def finish(self, token: bytes) -> None:
        """Check the server's proof that it knows the token's password.

        Raises
        ------
        AuthenticationError
            When it does not.
        """
        if not self._proof or not hmac.compare_digest(token, self._proof):
            raise AuthenticationError("the server does not prove that it knows our token")

    def wrap(self, message: bytes) -> bytes:
        """Sign a message, and encrypt it for privacy."""
        number = self._sent.to_bytes(4, "big")
        self._sent += 1
        signed = message + _code(self._sign_key, number + message)
        body = self._seal(signed) if self.protection == "privacy" else signed
        return body + _MESSAGE_TYPE + number

    def unwrap(self, packet: bytes) -> bytes:
        """Undo the server's :meth:`wrap`.

        Raises
        ------
        RpcError
            When the packet is damaged, or not the server's next one.
        """
        number = self._received.to_bytes(4, "big")
        self._received += 1
        body, trailer = packet[:-_TRAILER_SIZE], packet[-_TRAILER_SIZE:]
        if trailer != _MESSAGE_TYPE + number or len(body) < _CODE_SIZE:
            raise RpcError("a packet that is not the next one of this connection")
        if self.protection == "privacy":
            body = self._open(body)
        message, code = body[:-_CODE_SIZE], body[-_CODE_SIZE:]
        if not hmac.compare_digest(code, _code(self._check_key, number + message)):
            raise RpcError("a packet that was changed on its way")
        return message


class Rc4:
    """The stream cipher RC4; each call encrypts or decrypts the next part.

    Its only traffic is heartbeats: hundreds of bytes a second.
    """

    def __init__(self, key: bytes) -> None:
        state, j = list(range(256)), 0
        for i in range(256):
            j = (j + state[i] + key[i % len(key)]) & 255
            state[i], state[j] = state[j], state[i]
        self._state, self._i, self._j = state, 0, 0

    def __call__(self, data: bytes) -> bytes:
        """Encrypt or decrypt."""
        state, i, j = self._state, self._i, self._j
        result = bytearray(data)
        for index in range(len(result)):
            i = (i + 1) & 255
            j = (j + state[i]) & 255
            state[i], state[j] = state[j], state[i]
            result[index] ^= state[(state[i] + state[j]) & 255]
        self._i, self._j = i, j
        return bytes(result)


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


def _code(key: bytes, content: bytes) -> bytes:
    # RFC 2104 by hand: hmac's MD5 fails if FIPS 140 is enforced, as it has no ``usedforsecurity``.
    padded = key.ljust(_BLOCK_SIZE, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
    return _md5(outer + _md5(inner + content))[:_CODE_SIZE]
