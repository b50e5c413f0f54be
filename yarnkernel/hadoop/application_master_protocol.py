"""The ResourceManager's calls for ApplicationMasters (ApplicationMasterProtocol of YARN).

``ApplicationMasterService.java`` and ``AMRMClientImpl.java`` of Hadoop 3.5.0 tell what has to be
done when a ResourceManager was restarted and when it gives another token.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.errors import HadoopError, InvalidTokenError, NotRegisteredError
from yarnkernel.hadoop.credentials import Token
from yarnkernel.hadoop.highly_available import RETRY_INTERVAL, HighlyAvailable
from yarnkernel.hadoop.messages import message_class
from yarnkernel.hadoop.protection import wanted_protections
from yarnkernel.hadoop.rpc import RpcConnection
from yarnkernel.hadoop.sasl import TokenLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnkernel.hadoop.addresses import Address
    from yarnkernel.hadoop.configuration import Configuration

PROTOCOL = "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB"
#: Seconds between two questions whether the ResourceManager has written the end down.
UNREGISTER_INTERVAL = 0.02
#: Seconds after which a token is given up by which we have never come in: it was given for this.
REFUSAL_TIMEOUT = 10.0
#: What a second registration is refused with; there is no type of exception for it alone.
_REGISTERED_ALREADY = "already registered"


class ApplicationMasterProtocol(HighlyAvailable):
    """An ApplicationMaster's side of its conversation with the ResourceManager.

    Calls may be repeated after a failure. Not for several threads at once.

    Parameters
    ----------
    addresses : sequence of tuple of str and int
        Where schedulers listen (``yarn.resourcemanager.scheduler.address``).
    token : Token
        The token of kind ``YARN_AM_RM_TOKEN`` that the container was started with.
    configuration : Configuration
        Of the cluster.
    """

    def __init__(
        self, addresses: Sequence[Address], token: Token, configuration: Configuration
    ) -> None:
        self._addresses = addresses
        self._configuration = configuration
        self._login = TokenLogin(token, wanted_protections(configuration))
        # The container runs, so there is a ResourceManager: who does not answer will.
        super().__init__(
            [RpcConnection(address, PROTOCOL, configuration, self._login) for address in addresses],
            is_there=True,
        )
        self._registration: dict[str, Any] = {}
        self._response_id = 0
        self._has_come_in = False

    def another(self) -> ApplicationMasterProtocol:
        """Return the same with connections of its own, for another thread."""
        other = ApplicationMasterProtocol(self._addresses, self._login.token, self._configuration)
        other._registration = self._registration
        other._has_come_in = self._has_come_in
        return other

    def register(self, host: str, port: int, timeout: float, page: str = "") -> Any:
        """Tell that the ApplicationMaster is there, and where it serves its clients.

        Parameters
        ----------
        host : str
            Its host.
        port : int
            Its port.
        timeout : float
            Seconds.
        page : str, optional
            The address of its web page.

        Returns
        -------
        RegisterApplicationMasterResponseProto
            What containers it may ask for, among others; empty when the answer was lost.

        Raises
        ------
        UnreachableError, RpcError, HadoopError
            See :meth:`call`.
        """
        self._registration = {"host": host, "rpc_port": port, "tracking_url": page}
        # Before the call, whose answer may be lost: the ResourceManager counts from 0 then too.
        self._response_id = 0
        try:
            return self._call("RegisterApplicationMaster", timeout, **self._registration)
        except HadoopError as exc:
            # The answer to the first try was lost.
            if _REGISTERED_ALREADY not in str(exc):
                raise
            return message_class("hadoop.yarn.RegisterApplicationMasterResponseProto")()

    def _register_again(self, timeout: float) -> None:
        known = self._registration
        self.register(known["host"], known["rpc_port"], timeout, known["tracking_url"])

    def heartbeat(
        self,
        progress: float,
        timeout: float,
        wishes: Callable[[bool], dict[str, Any]] = lambda _: {},
    ) -> Any:
        """Tell that the ApplicationMaster is alive; takes a new token when there is one.

        A ResourceManager that was restarted is told everything anew.

        Parameters
        ----------
        progress : float
            Of the application, 0 to 1.
        timeout : float
            Seconds.
        wishes : callable, optional
            Returns what is asked for and given back, fields of AllocateRequestProto; called with
            whether the ResourceManager knows nothing of what was told it before.

        Returns
        -------
        AllocateResponseProto
            What it says to that.

        Raises
        ------
        NotFoundError
            When the ResourceManager does not know this attempt (any more).
        UnreachableError, RpcError, HadoopError
            See :meth:`call`.
        """
        deadline = Deadline(timeout)
        try:
            answer = self._allocate(progress, timeout, wishes(False))  # noqa: FBT003
        except NotRegisteredError:
            self._register_again(deadline.step(timeout))
            answer = self._allocate(progress, deadline.step(timeout), wishes(True))  # noqa: FBT003
        self._response_id = answer.response_id
        if answer.HasField("am_rm_token"):
            self._take(answer.am_rm_token)
        return answer

    def _allocate(self, progress: float, timeout: float, wishes: dict[str, Any]) -> Any:
        known = {"response_id": self._response_id, "progress": progress}
        return self._call("Allocate", timeout, **known, **wishes)

    def _take(self, message: Any) -> None:
        # It is in all answers until we log in with it.
        if message.identifier != self._login.token.identifier:
            kind, service = message.kind, message.service
            self._login.token = Token(message.identifier, message.password, kind, service)
            self.close()

    def finish(self, final_status: str, diagnostics: str, timeout: float) -> None:
        """Unregister.

        Parameters
        ----------
        final_status : str
            ``"SUCCEEDED"``, ``"FAILED"`` or ``"KILLED"``.
        diagnostics : str
            Why.
        timeout : float
            Seconds; ResourceManagers that do not answer are tried until then.

        Raises
        ------
        NotFoundError
            When the attempt has been ended by others.
        UnreachableError, RpcError, HadoopError
            See :meth:`call`.
        """
        deadline = Deadline(timeout)
        while True:
            try:
                answer = self._call(
                    "FinishApplicationMaster",
                    deadline.step(timeout),
                    final_application_status=f"APP_{final_status}",
                    diagnostics=diagnostics,
                    tracking_url="",
                )
            except NotRegisteredError:
                self._register_again(deadline.step(timeout))
                continue
            if answer.isUnregistered or deadline.passed:
                return
            # The ResourceManager writes the final status down first, so that it stands.
            time.sleep(UNREGISTER_INTERVAL)

    def _call(self, name: str, timeout: float, **fields: Any) -> Any:
        """Call; a ResourceManager that was restarted and has not read its keys knows no token."""
        deadline = Deadline(timeout)
        refusal = deadline if self._has_come_in else Deadline(min(timeout, REFUSAL_TIMEOUT))
        while True:
            try:
                answer = self.call(name, deadline.step(timeout), **fields)
            except InvalidTokenError:
                if refusal.remaining < RETRY_INTERVAL:
                    raise
                time.sleep(RETRY_INTERVAL)
            except HadoopError:
                self._has_come_in = True
                raise
            else:
                self._has_come_in = True
                return answer
