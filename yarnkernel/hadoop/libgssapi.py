"""The system's GSS-API library of MIT Kerberos, called without a compiler.

The functions are those of RFC 2744, and ``gss_acquire_cred_from`` of MIT's gssapi_ext.h; their
names here are the same without ``gss_``. All of them raise AuthenticationError with advice.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import weakref
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_void_p
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from yarnkernel.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LIBRARY = "libgssapi_krb5.so.2"
_CONTINUE_NEEDED = 1
_INITIATE = 1
#: The bits of a major status that hold an error, and one such error.
_ERROR = 0xFFFF0000
_CREDENTIALS_EXPIRED = 11 << 16
#: Kinds of status for gss_display_status: the major, and the mechanism's own, the minor.
_MAJOR, _MINOR = 1, 2

#: Meanings of minor statuses and what to do, counted from the first error of MIT's krb5.h.
_FIRST_ERROR = -1765328384
_NEXT = "kinit, or set KRB5KEYTAB and KRB5PRINCIPAL"
_NO_TICKET = f"there is no ticket; next: {_NEXT}"
_EXPIRED = "the ticket has expired; next: kinit"
_OTHER_KEY = "the keytab has another key than the KDC; was the principal's password changed?"
_STEPS = {
    6: "the KDC does not know who we are to be; is KRB5PRINCIPAL right?",
    7: "the KDC does not know the server; is its principal right in the site files?",
    18: "the account is locked; ask who runs the KDC",
    23: "the password has expired; next: kpasswd",
    24: _OTHER_KEY,
    31: _OTHER_KEY,
    32: _EXPIRED,
    37: "the clocks of this machine and of the KDC or the server differ; set them right",
    141: _NO_TICKET,
    154: "krb5.conf (KRB5_CONFIG) names no KDC for this realm",
    156: "the KDC cannot be reached; is krb5.conf (KRB5_CONFIG) right, and does the KDC run?",
    195: _NO_TICKET,
    224: "krb5.conf (KRB5_CONFIG) has no default_realm",
}
#: Statuses for a missing ticket, or a missing key if there is a keytab.
_MISSING = (141, 195)


class _Oid(ctypes.Structure):
    _fields_ = (("length", c_uint32), ("elements", c_char_p))


class _OidSet(ctypes.Structure):
    _fields_ = (("count", c_size_t), ("elements", POINTER(_Oid)))


class _Buffer(ctypes.Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))
    content: bytes


class _Element(ctypes.Structure):
    _fields_ = (("key", c_char_p), ("value", c_char_p))


class _Store(ctypes.Structure):
    _fields_ = (("count", c_uint32), ("elements", POINTER(_Element)))


#: 1.2.840.113554.1.2.2, Kerberos 5, and 1.2.840.113554.1.2.2.1, its principals (RFC 1964);
#: 1.2.840.113554.1.2.1.4, SERVICE@HOST (RFC 2743, 4.1).
_KERBEROS = _Oid(9, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
_PRINCIPAL = _Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01")
_SERVICE = _Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04")

_BUFFER, _HANDLE, _OID = POINTER(_Buffer), POINTER(c_void_p), POINTER(_Oid)
_STATUS = POINTER(c_uint32)
_UNUSED = c_void_p
#: Arguments after the minor status, which is the first of every function.
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "import_name": (_BUFFER, _OID, _HANDLE),
    "canonicalize_name": (c_void_p, _OID, _HANDLE),
    "display_name": (c_void_p, _BUFFER, _UNUSED),
    "release_name": (_HANDLE,),
    "acquire_cred_from": (
        c_void_p, c_uint32, POINTER(_OidSet), c_int, POINTER(_Store), _HANDLE, _UNUSED, _UNUSED,
    ),
    "inquire_cred": (c_void_p, _HANDLE, _UNUSED, _UNUSED, _UNUSED),
    "release_cred": (_HANDLE,),
    "init_sec_context": (
        c_void_p, _HANDLE, c_void_p, _OID, c_uint32, c_uint32, _UNUSED, _BUFFER, _UNUSED, _BUFFER,
        POINTER(c_uint32), _UNUSED,
    ),
    "delete_sec_context": (_HANDLE, _UNUSED),
    "wrap": (c_void_p, c_int, c_uint32, _BUFFER, POINTER(c_int), _BUFFER),
    "unwrap": (c_void_p, _BUFFER, _BUFFER, POINTER(c_int), _UNUSED),
    "release_buffer": (_BUFFER,),
    "display_status": (c_uint32, c_int, _OID, POINTER(c_uint32), _BUFFER),
}  # fmt: skip


@lru_cache(maxsize=None)  # noqa: UP033  (Python 3.7, on an edge node)
def _library() -> dict[str, Any]:
    functions = {}
    try:
        library = ctypes.CDLL(_LIBRARY)
        for name, arguments in _SIGNATURES.items():
            function = functions[name] = getattr(library, f"gss_{name}")
            function.argtypes, function.restype = (_STATUS, *arguments), c_uint32
    except (OSError, AttributeError) as exc:
        raise AuthenticationError(
            f"Kerberos takes MIT's library {_LIBRARY} ({exc}); next: apt-get install "
            "libgssapi-krb5-2, dnf install krb5-libs, or conda install krb5"
        ) from exc
    return functions


def _call(
    function: str, *arguments: Any, steps: Mapping[int, str] = _STEPS, otherwise: str = ""
) -> int:
    minor = c_uint32()
    major = int(_library()[function](byref(minor), *arguments))
    if major & _ERROR == _CREDENTIALS_EXPIRED:
        raise AuthenticationError(f"Kerberos: {_EXPIRED}")
    if major & _ERROR:
        # The minor status says more, if there is one.
        said = _display(minor.value, _MINOR) if minor.value else _display(major, _MAJOR)
        step = steps.get(c_int32(minor.value).value - _FIRST_ERROR, otherwise)
        raise AuthenticationError(f"Kerberos: {step} ({said})" if step else f"Kerberos: {said}")
    return major


def _display(status: int, kind: int) -> str:
    with _output() as text:
        explained = (status, kind, byref(_KERBEROS), byref(c_uint32()), byref(text))
        failed = _library()["display_status"](byref(c_uint32()), *explained)
        return f"error {status:#x}" if failed else _content(text).decode(errors="replace")


class Handle:
    """An object of the library, released when it is no longer used."""

    def __init__(self, release: str, *arguments: None) -> None:
        self.value = c_void_p()
        # Not at exit, when a thread may still be waiting for a KDC with this handle.
        weakref.finalize(self, _release, release, self.value, *arguments).atexit = False


def _release(function: str, handle: c_void_p, *arguments: None) -> None:
    if handle.value:
        _library()[function](byref(c_uint32()), byref(handle), *arguments)


@contextlib.contextmanager
def _output() -> Iterator[_Buffer]:
    """Yield a buffer for the library to fill, and release it: even failed calls may fill it."""
    buffer = _Buffer()
    try:
        yield buffer
    finally:
        _library()["release_buffer"](byref(c_uint32()), byref(buffer))


def _input(content: bytes) -> _Buffer:
    buffer = _Buffer(len(content), ctypes.cast(c_char_p(content), c_void_p))
    buffer.content = content  # has to live as long as the pointer to it
    return buffer


def _content(buffer: _Buffer) -> bytes:
    return ctypes.string_at(buffer.value, buffer.length) if buffer.value else b""


def import_name(principal: str) -> Handle:
    """Parse a principal; without a realm it belongs to the default one."""
    return _import(principal, _PRINCIPAL)


def import_service(service: str, host: str) -> Handle:
    """Return the principal of a host's service; its realm is empty if only the KDC knows it."""
    return _import(f"{service}@{host}", _SERVICE)


def _import(text: str, kind: _Oid) -> Handle:
    name = Handle("release_name")
    _call("import_name", byref(_input(text.encode())), byref(kind), byref(name.value))
    return name


def display_name(name: Handle) -> str:
    """Return a principal's text, with its realm."""
    canonical = Handle("release_name")
    _call("canonicalize_name", name.value, byref(_KERBEROS), byref(canonical.value))
    with _output() as text:
        _call("display_name", canonical.value, byref(text), None)
        return _content(text).decode(errors="replace")


def acquire_cred(principal: str = "", keytab: str = "", cache: str = "") -> Handle:
    """Get the credential of a ticket, or of a key that gets tickets.

    Parameters
    ----------
    principal : str, optional
        The credential's owner; by default that of the cache.
    keytab : str, optional
        Gets tickets if there are none in the cache.
    cache : str, optional
        The ticket cache; by default Kerberos' default one.
    """
    store = {b"client_keytab": keytab.encode(), b"ccache": cache.encode()}
    elements = [_Element(key, value) for key, value in store.items() if value]
    array = (_Element * len(elements))(*elements)
    name = import_name(principal) if principal else None
    missing, otherwise = f"{keytab} has no key of {principal}; next: klist -k {keytab}", ""
    if not keytab:
        name_of_cache = f"{cache} (KRB5CCNAME)" if cache else "the default cache of krb5.conf"
        missing = f"there is no ticket in {name_of_cache}; next: {_NEXT}"
        plain = f"KRB5CCNAME=FILE:/tmp/krb5cc_{os.getuid()}"
        otherwise = f"{name_of_cache} cannot be used; next: export {plain} and kinit"
    credential = Handle("release_cred")
    _call(
        "acquire_cred_from",
        name.value if name else None,
        0,
        byref(_OidSet(1, ctypes.pointer(_KERBEROS))),
        _INITIATE,
        byref(_Store(len(elements), array)) if elements else None,
        byref(credential.value),
        None,
        None,
        steps={**_STEPS, **dict.fromkeys(_MISSING, missing)},
        otherwise=otherwise,
    )
    return credential


def inquire_cred(credential: Handle) -> Handle:
    """Return a credential's owner."""
    name = Handle("release_name")
    _call("inquire_cred", credential.value, byref(name.value), None, None, None)
    return name


def lifetime(credential: Handle) -> int:
    """Return a credential's remaining lifetime in seconds; 0 if it has expired."""
    seconds = c_uint32()
    _call("inquire_cred", credential.value, None, byref(seconds), None, None)
    return seconds.value


def new_context() -> Handle:
    """Return a context that is yet to be established."""
    return Handle("delete_sec_context", None)


def init_sec_context(
    credential: Handle, context: Handle, server: Handle, flags: int, token: bytes
) -> tuple[bytes, int, bool]:
    """Take a step in establishing a context.

    Returns
    -------
    bytes
        The message for the server.
    int
        The context's flags; final once it is established.
    bool
        Whether it is established.
    """
    able = c_uint32()
    with _output() as answer:
        major = _call(
            "init_sec_context",
            credential.value,
            byref(context.value),
            server.value,
            byref(_KERBEROS),
            flags,
            0,
            None,
            byref(_input(token)),
            None,
            byref(answer),
            byref(able),
            None,
        )
        return _content(answer), able.value, not major & _CONTINUE_NEEDED


def wrap(context: Handle, message: bytes, *, private: bool) -> tuple[bytes, bool]:
    """Protect a message; also return whether it is encrypted."""
    encrypted = c_int()
    with _output() as packet:
        content = byref(_input(message))
        _call("wrap", context.value, private, 0, content, byref(encrypted), byref(packet))
        return _content(packet), bool(encrypted.value)


def unwrap(context: Handle, packet: bytes) -> tuple[bytes, bool, bool]:
    """Unwrap a message; also return whether it was encrypted, and is the next in order."""
    encrypted = c_int()
    with _output() as message:
        content = byref(_input(packet))
        major = _call("unwrap", context.value, content, byref(message), byref(encrypted), None)
        return _content(message), bool(encrypted.value), not major
