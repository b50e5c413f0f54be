"""DIGEST-MD5: what passes under its protection, and what is noticed."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnkernel.errors import AuthenticationError, RpcError
from yarnkernel.hadoop import digest_md5
from yarnkernel.hadoop.credentials import Token
from yarnkernel.hadoop.digest_md5 import DigestMd5, Rc4

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN = Token(b"identifier", b"password", "YARN_AM_RM_TOKEN")
BEST_FIRST = ("privacy", "integrity", "authentication")
CHALLENGE = 'realm="default",nonce="abc\\"d",qop="{}",charset=utf-8,algorithm=md5-sess,cipher="{}"'


def agree(qop: str, cipher: str = "3des,rc4,des", wanted: Sequence[str] = BEST_FIRST) -> DigestMd5:
    client = DigestMd5(TOKEN, "", "default", wanted)
    client.respond(CHALLENGE.format(qop, cipher).encode())
    return client


def server_of(client: DigestMd5) -> DigestMd5:
    """The other side: the same keys, the other way round."""
    server = agree("auth-conf")
    server.protection = client.protection
    server._sign_key, server._check_key = client._check_key, client._sign_key
    server._seal, server._open = (
        Rc4.__new__(Rc4),
        Rc4.__new__(Rc4),
    )
    for ours, theirs in ((server._seal, client._open), (server._open, client._seal)):
        ours._state, ours._i, ours._j = list(theirs._state), theirs._i, theirs._j
    return server


@pytest.mark.parametrize(
    ("offered", "cipher", "agreed"),
    [
        ("auth", "rc4", "authentication"),
        ("auth,auth-int", "rc4", "integrity"),
        ("auth-conf, auth-int,auth", "3des,rc4", "privacy"),
        ("auth-conf,auth-int", "3des,des", "integrity"),
    ],
)
def test_strongest_protection_is_taken(offered: str, cipher: str, agreed: str) -> None:
    assert agree(offered, cipher).protection == agreed


@pytest.mark.parametrize(
    ("offered", "cipher", "wanted"),
    [
        ("auth", "rc4", ["privacy"]),
        ("auth,auth-int", "rc4", ["privacy"]),
        ("auth-conf,auth-int,auth", "des", ["privacy"]),
        ("auth-int", "rc4", ["privacy", "authentication"]),
    ],
)
def test_less_than_wanted_is_refused(offered: str, cipher: str, wanted: list[str]) -> None:
    """A server, or who is between, cannot bring a connection down to what was not wanted."""
    with pytest.raises(AuthenticationError, match=f"of the site files here {','.join(wanted)}"):
        agree(offered, cipher, wanted)
    # The first that the server has, as Java takes it.
    assert agree("auth,auth-int,auth-conf", wanted=["integrity", "privacy"]).protection == (
        "integrity"
    )


def test_md5_where_fips_is_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL then refuses MD5 that may be for security, and so all of hmac's."""

    def refuse(*_: Any, **__: Any) -> bytes:
        raise ValueError("unsupported hash type md5")

    original = hashlib.md5
    expected = hmac.digest(b"key", b"content", "md5")[:10]

    def md5(content: bytes = b"", *, usedforsecurity: bool = True) -> Any:
        return refuse() if usedforsecurity else original(content, usedforsecurity=False)

    monkeypatch.setattr(hashlib, "md5", md5)
    monkeypatch.setattr(hmac, "digest", refuse)
    monkeypatch.setattr(hmac, "new", refuse)
    assert digest_md5._code(b"key", b"content") == expected
    client = agree("auth-int")
    assert server_of(client).unwrap(client.wrap(b"hello")) == b"hello"


@pytest.mark.parametrize("challenge", [b"", b"\xff\xfe", b'qop="auth-conf",nonce="a",cipher="des"'])
def test_challenge_that_cannot_be_met(challenge: bytes) -> None:
    with pytest.raises(AuthenticationError, match="not understood"):
        DigestMd5(TOKEN, "", "default", BEST_FIRST).respond(challenge)


def test_rc4_is_rc4() -> None:
    """The first test vector of RFC 6229's kind: key "Key", as in the cipher's first description."""
    assert Rc4(b"Key")(b"Plaintext").hex() == "bbf316e8d940af0ad3"


@pytest.mark.parametrize("proof", [b"", b"rspauth=", b"rspauth=" + b"0" * 32])
def test_server_that_does_not_know_the_token(proof: bytes) -> None:
    with pytest.raises(AuthenticationError, match="does not prove"):
        agree("auth").finish(proof)


@given(messages=st.lists(st.binary(max_size=300), max_size=5), qop=st.sampled_from(["int", "conf"]))
def test_messages_arrive_as_they_were(messages: list[bytes], qop: str) -> None:
    client = agree(f"auth-{qop}")
    server = server_of(client)
    for message in messages:
        packet = client.wrap(message)
        assert qop == "int" or len(message) < 8 or message not in packet
        assert server.unwrap(packet) == message
        assert client.unwrap(server.wrap(message)) == message


@given(
    message=st.binary(max_size=100),
    damage=st.data(),
    qop=st.sampled_from(["int", "conf"]),
)
def test_damage_is_noticed(message: bytes, damage: st.DataObject, qop: str) -> None:
    client = agree(f"auth-{qop}")
    packet = bytearray(server_of(client).wrap(message))
    kind = damage.draw(st.sampled_from(["changed", "cut", "longer"]))
    if kind == "changed":
        position = damage.draw(st.integers(0, len(packet) - 1))
        packet[position] ^= damage.draw(st.integers(1, 255))
    elif kind == "cut":
        del packet[damage.draw(st.integers(0, len(packet) - 1)) :]
    else:
        packet += damage.draw(st.binary(min_size=1, max_size=5))
    with pytest.raises(RpcError):
        client.unwrap(bytes(packet))


def test_packets_cannot_be_repeated() -> None:
    client = agree("auth-int")
    packet = server_of(client).wrap(b"once")
    assert client.unwrap(packet) == b"once"
    with pytest.raises(RpcError, match="not the next one"):
        client.unwrap(packet)
