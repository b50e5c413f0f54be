"""A user's Kerberos tickets, or the keys to get some: on this machine, or through ssh."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from yarnkernel.errors import AuthenticationError
from yarnkernel.hadoop import libgssapi

if TYPE_CHECKING:
    from collections.abc import Mapping


class GssLibrary(Protocol):
    """The functions of :mod:`yarnkernel.hadoop.libgssapi`; handles are the library's own."""

    def import_name(self, principal: str) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.import_name`."""

    def import_service(self, service: str, host: str) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.import_service`."""

    def display_name(self, name: Any) -> str:
        """See :func:`yarnkernel.hadoop.libgssapi.display_name`."""

    def acquire_cred(self, principal: str = "", keytab: str = "", cache: str = "") -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.acquire_cred`."""

    def inquire_cred(self, credential: Any) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.inquire_cred`."""

    def lifetime(self, credential: Any) -> int:
        """See :func:`yarnkernel.hadoop.libgssapi.lifetime`."""

    def new_context(self) -> Any:
        """See :func:`yarnkernel.hadoop.libgssapi.new_context`."""

    def init_sec_context(
        self, credential: Any, context: Any, server: Any, flags: int, token: bytes
    ) -> tuple[bytes, int, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.init_sec_context`."""

    def wrap(self, context: Any, message: bytes, *, private: bool) -> tuple[bytes, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.wrap`."""

    def unwrap(self, context: Any, packet: bytes) -> tuple[bytes, bool, bool]:
        """See :func:`yarnkernel.hadoop.libgssapi.unwrap`."""


class Tickets:
    """See the module.

    Parameters
    ----------
    variables : mapping of str to str
        Environment variables on the machine with the tickets, read as by Hadoop's
        UserGroupInformation: ``KRB5KEYTAB`` with ``KRB5PRINCIPAL``, else the ticket cache of
        ``KRB5CCNAME``, else the default one. A ``KRB5_CONFIG`` among them is set for this process.
    library : GssLibrary, optional
        The library on that machine; by default this machine's.
    """

    def __init__(self, variables: Mapping[str, str], library: GssLibrary | None = None) -> None:
        self._variables = variables
        self._elsewhere = library

    def library(self) -> GssLibrary:
        """Return the library, for the right krb5.conf."""
        if self._elsewhere is not None:
            return self._elsewhere
        use_krb5_conf(self._variables)
        return libgssapi

    def credential(self) -> Any:
        """Return the credential of a ticket, or of a key that gets tickets.

        Raises
        ------
        AuthenticationError
            When there is neither.
        """
        variables, library = self._variables, self.library()
        principal, keytab = variables.get("KRB5PRINCIPAL", ""), variables.get("KRB5KEYTAB", "")
        if not keytab:
            return library.acquire_cred(principal, cache=variables.get("KRB5CCNAME", ""))
        if not principal:
            raise AuthenticationError("KRB5KEYTAB is set, but KRB5PRINCIPAL is not")
        if self._elsewhere is None and not os.access(keytab, os.R_OK):
            raise AuthenticationError(f"KRB5KEYTAB: {keytab} cannot be read")
        # A cache in this process' memory, so that the user's cache does not change.
        return library.acquire_cred(principal, keytab, f"MEMORY:{keytab}:{principal}")


def use_krb5_conf(variables: Mapping[str, str]) -> None:
    """Set ``KRB5_CONFIG`` for this process, as the library reads it only from there."""
    name = "KRB5_CONFIG"
    wanted = variables.get(name)
    if wanted is not None and wanted != os.environ.get(name):
        os.environ[name] = wanted
