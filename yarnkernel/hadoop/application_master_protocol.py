"""The ResourceManager's calls for ApplicationMasters (ApplicationMasterProtocol of YARN).

``ApplicationMasterService.java`` and ``AMRMClientImpl.java`` of Hadoop 3.5.0 show what to do when a
ResourceManager was restarted and when it issues another token.
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
#: Seconds between two checks whether the ResourceManager has recorded the end.
UNREGISTER_INTERVAL = 0.02
#: Seconds after which a refused token that has never been accepted is given up.
REFUSAL_TIMEOUT = 10.0
#: Message that refuses a second registration; it has no exception type of its own.
_REGISTERED_ALREADY = "already registered"


class ApplicationMasterProtocol(HighlyAvailable):
    """The ApplicationMaster's client of the ResourceManager.

    Calls may be repeated after a failure. Not thread-safe.

    Parameters
    ----------
    addresses : sequence of tuple of str and int
        The schedulers' addresses (``yarn.resourcemanager.scheduler.address``).
    token : Token
        The container's token, of kind ``YARN_AM_RM_TOKEN``.
    configuration : Configuration
        Of the cluster.
    """

    def __init__(
        self, addresses: Sequence[Address], token: Token, configuration: Configuration
    ) -> None:
        self._addresses = addresses
        self._configuration = configuration
        self._login = TokenLogin(token, wanted_protections(configuration))
        # The container runs, so there is a ResourceManager: retry if it does not answer.
        super().__init__(
            [RpcConnection(address, PROTOCOL, configuration, self._login) for address in addresses],
            is_there=True,
        )
        self._registration: dict[str, Any] = {}
        self._response_id = 0
        self._has_come_in = False

    def another(self) -> ApplicationMasterProtocol:
        """Return a client with its own connections and the same state, for another thread."""
        other = ApplicationMasterProtocol(self._addresses, self._login.token, self._configuration)
        other._registration = self._registration
        other._has_come_in = self._has_come_in
        return other

    def register(self, host: str, port: int, timeout: float, page: str = "") -> Any:
        """Register the ApplicationMaster and its address for clients.

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
            Includes which containers it may request; empty if the answer was lost.

        Raises
        ------
        UnreachableError, RpcError, HadoopError
            See :meth:`call`.
        """
        self._registration = {"host": host, "rpc_port": port, "tracking_url": page}
        # Before the call, as its answer may be lost: even then the ResourceManager counts from 0.
        self._response_id = 0
        try:
            return self._call("RegisterApplicationMaster", timeout, **self._registration)
        except HadoopError as exc:
            # The answer to the first attempt was lost.
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
        """Report that the ApplicationMaster is alive; accept a new token if there is one.

        A restarted ResourceManager gets the registration and all requests again.

        Parameters
        ----------
        progress : float
            Progress of the application, 0 to 1.
        timeout : float
            Seconds.
        wishes : callable, optional
            Returns requests and releases as fields of AllocateRequestProto; called with whether the
            ResourceManager has lost all earlier ones.

        Returns
        -------
        AllocateResponseProto
            The ResourceManager's answer.

        Raises
        ------
        NotFoundError
            When this attempt is unknown to the ResourceManager (or no longer known).
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
        # All answers have it until it is used to log in.
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
            Reason.
        timeout : float
            Seconds; ResourceManagers that do not answer are retried until then.

        Raises
        ------
        NotFoundError
            When the attempt has been ended by someone else.
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
            # The ResourceManager first stores the final status, so that it is kept.
            time.sleep(UNREGISTER_INTERVAL)

    def _call(self, name: str, timeout: float, **fields: Any) -> Any:
        """Call, and retry: a restarted ResourceManager knows no tokens until it has its keys."""
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
