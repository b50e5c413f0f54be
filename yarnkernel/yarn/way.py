"""The two ways to submit an application, and the choice between them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from yarnkernel.errors import DirectWayError, UsageError
from yarnkernel.kernels.options import AUTO, DIRECT, SKEIN, WAY_VARIABLE, WAYS
from yarnkernel.progress import Progress, ignore
from yarnkernel.yarn.submission import Scheduling

if TYPE_CHECKING:
    import skein
    from typing_extensions import Self

    from yarnkernel.deadline import Deadline
    from yarnkernel.progress import Report
    from yarnkernel.yarn.client import YarnClient
    from yarnkernel.yarn.skein_driver import SharedDriver


class Way(Protocol):
    """A way to submit applications; a context manager.

    Attributes
    ----------
    client : YarnClient
        The connection to the cluster.
    """

    client: YarnClient

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def submit(self, spec: skein.ApplicationSpec, deadline: Deadline, report: Report) -> str:
        """Submit an application.

        If this is interrupted or fails, the application is killed in case YARN received it.
        :func:`yarnkernel.yarn.launch.submitted` covers the time after that.

        Parameters
        ----------
        spec : skein.ApplicationSpec
            What to run.
        deadline : Deadline
            For the whole submission, including uploads.
        report : callable
            Called with each upload.

        Returns
        -------
        str
            The application's id.

        Raises
        ------
        DirectWayError
            When the direct way was requested and the application cannot take it; nothing was
            submitted.
        SubmitError
            When it is refused, with the ResourceManager's reason.
        SubmitTimeoutError
            When the deadline passes first.
        ClusterError
            When the ResourceManager does not answer.
        """

    def avoid_direct(self, reason: str) -> bool:
        """Submit by skein's driver from now on; return False if the user's choice forbids it."""


class AutomaticWay:
    """The direct way if possible, else the skein way; a context manager.

    Parameters
    ----------
    client : YarnClient
        The connection to the cluster; stays open.
    scheduling : Scheduling
        Settings for YARN; any other than the defaults need the direct way.
    driver : SharedDriver, optional
        skein's driver, which stays open; by default a new one when it is needed.
    explain : callable
        Called with the way that is taken, and why.
    sealed : bool
        See :class:`yarnkernel.yarn.direct_way.DirectWay`, which this needs.
    """

    def __init__(
        self,
        client: YarnClient,
        scheduling: Scheduling,
        driver: SharedDriver | None,
        explain: Report,
        *,
        sealed: bool,
    ) -> None:
        self.client = client
        self._scheduling = scheduling
        self._sealed = sealed
        self._against = ""
        self._driver = driver
        self._explain = explain
        self._skein_way: Way | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._skein_way is not None:
            self._skein_way.__exit__(*exc_info)

    @property
    def _is_direct_only(self) -> bool:
        """Whether skein's driver cannot do what the options require."""
        return self._sealed or self._scheduling != Scheduling()

    def submit(self, spec: skein.ApplicationSpec, deadline: Deadline, report: Report) -> str:
        """See :class:`Way`."""
        from yarnkernel.yarn.direct_way import DirectWay  # noqa: PLC0415  (gRPC)

        against = self._against
        if not against:
            try:
                direct = DirectWay(self.client, self._scheduling, sealed=self._sealed)
                app_id = direct.submit(spec, deadline, report)
            except DirectWayError as exc:
                against = exc.reason
            else:
                self._explain(Progress("direct", kernel=app_id))
                return app_id
        if self._is_direct_only:
            raise DirectWayError(against)
        self._explain(Progress("skein", reason=against))
        if self._skein_way is None:
            self._skein_way = _skein_way(self.client, self._driver)
        return self._skein_way.submit(spec, deadline, report)

    def avoid_direct(self, reason: str) -> bool:
        """See :class:`Way`."""
        if self._against or self._is_direct_only:
            return False
        self._against = reason
        return True


def _skein_way(client: YarnClient, driver: SharedDriver | None) -> Way:
    from yarnkernel.yarn.skein_way import SkeinWay  # noqa: PLC0415  (not needed by the direct way)

    return SkeinWay(client, driver)


def choose_way(
    client: YarnClient,
    name: str = "",
    *,
    scheduling: Scheduling | None = None,
    driver: SharedDriver | None = None,
    explain: Report = ignore,
    sealed: bool = False,
) -> Way:
    """Choose how applications are submitted.

    Parameters
    ----------
    client : YarnClient
        The connection to the cluster.
    name : str, optional
        ``"auto"``, ``"direct"`` or ``"skein"``. By default the value of the environment variable
        ``YARNKERNEL_VIA``, else ``"auto"``.
    scheduling : Scheduling, optional
        Settings for YARN in addition to the applications' specifications.
    driver : SharedDriver, optional
        skein's driver, which stays open.
    explain : callable, optional
        Called with the way that is taken, and why.
    sealed : bool, default False
        Whether no key is sent with an application and its container makes its own.

    Returns
    -------
    Way
        To be used as a context manager.

    Raises
    ------
    UsageError
        When there is no way with this name, or the skein way is named but cannot do what is
        required.
    """
    name = name or os.environ.get(WAY_VARIABLE) or AUTO
    if name not in WAYS:
        raise UsageError(
            f"{name!r} is no way to submit an application; there are {', '.join(WAYS)}"
        )
    scheduling = scheduling or Scheduling()
    if name == DIRECT:
        from yarnkernel.yarn.direct_way import DirectWay  # noqa: PLC0415

        return DirectWay(client, scheduling, sealed=sealed)
    if name == SKEIN:
        if sealed:
            raise UsageError(
                "skein's driver sends an application's keys along: what is to be encrypted takes "
                "the direct way; next: --via direct, or without --encrypt"
            )
        if scheduling != Scheduling():
            raise UsageError("skein's driver sets neither a priority nor a lifetime")
        return _skein_way(client, driver)
    return AutomaticWay(client, scheduling, driver, explain, sealed=sealed)
