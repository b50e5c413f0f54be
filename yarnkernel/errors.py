"""Every exception that yarnkernel raises.

Each class is a :class:`YarnKernelError` and the fitting builtin, so that both
``except`` clauses work::

    YarnKernelError                      exit code 1
      UsageError (ValueError)            exit code 2
        SpecError
      PlaceError (ConnectionError)
        ClusterError
          HadoopConfigurationError
          HadoopError
            AccessDeniedError (PermissionError)
            NotFoundError (LookupError)
            StandbyError
          RpcError
            AuthenticationError
            UnreachableError
              RpcTimeoutError (TimeoutError)
          HttpError
          NoClusterError
          UnreadableFileError
          LocalClusterError
            LocalClusterTimeoutError (TimeoutError)  exit code 3
          ClusterFileError
            ClusterFileTimeoutError (TimeoutError)   exit code 3
        HostError
          HostTimeoutError (TimeoutError)          exit code 3
          HostRefusedError
        SchedulerDownError
      ArtefactError (OSError)
      PackError
        PackTimeoutError (TimeoutError)            exit code 3
      SubmitError
        SubmitTimeoutError (TimeoutError)          exit code 3
      ApplicationError
        ApplicationTimeoutError (TimeoutError)     exit code 3
        ApplicationNotFoundError (LookupError)
          ApplicationForgottenError
        KernelStartError
          MasterFailedError
          KernelStartTimeoutError (TimeoutError)   exit code 3
      ConnectionInfoError (ValueError)
      ContainersError                              see container_status.py
        ContainersTimeoutError (TimeoutError)      exit code 3, the same file
      MasterError                                  exit code 69, see container/errors.py
      KernelFailedError                            the same file
"""

from __future__ import annotations

#: Exit code of a recipe that cannot be an ApplicationMaster: EX_UNAVAILABLE of sysexits.h.
CANNOT_BE_MASTER = 69
#: How the recipe's own lines begin in its container's log.
RECIPE_LINE = "yarnkernel.recipe: "


class YarnKernelError(Exception):
    """Base of all errors of this package.

    Attributes
    ----------
    exit_code : int
        What the command line returns when this error ends a command.
    """

    exit_code = 1


def summary(error: object) -> str:
    """Return an error in one line, for a line that goes on: without hints and logs."""
    return str(getattr(error, "message", error)).partition("\n")[0]


class UsageError(YarnKernelError, ValueError):
    """An argument, option or file that cannot be used, found before anything was submitted."""

    exit_code = 2


class SpecError(UsageError):
    """An application specification that cannot be submitted; names the file and the field."""


class PlaceError(YarnKernelError, ConnectionError):
    """Where kernels run does not answer, or it is not known which place that is."""


class ClusterError(PlaceError):
    """No cluster is configured, or the one that is does not answer."""


class HostError(PlaceError):
    """A host cannot be reached, or what is asked of it cannot be done there."""


class HostTimeoutError(HostError, TimeoutError):
    """A host has not answered in time."""

    exit_code = 3


class HostRefusedError(HostError):
    """A host forbids what is asked of it, and will do so again."""


class SchedulerDownError(PlaceError):
    """A batch system does not answer, which says nothing about its jobs."""


class HadoopConfigurationError(ClusterError):
    """A site file of Hadoop, or a setting in one, that cannot be used."""


class RpcError(ClusterError):
    """What should be a daemon of Hadoop does not speak as one."""


class AuthenticationError(RpcError):
    """The daemon wants an authentication that is not spoken here."""


class UnreachableError(RpcError):
    """A daemon of Hadoop cannot be reached, or closes the connection; it may be restarting."""


class RpcTimeoutError(UnreachableError, TimeoutError):
    """The deadline passed before a daemon of Hadoop had answered."""


class HadoopError(ClusterError):
    """A daemon of Hadoop answered with an exception.

    Parameters
    ----------
    class_name : str
        The exception's class in Java.
    details : str
        What it says, with its stack.
    """

    def __init__(self, class_name: str, details: str) -> None:
        # The first line names the class again; a stack follows it.
        lines = [line.strip() for line in details.splitlines() if line.strip()]
        first = lines[0].removeprefix(f"{class_name}: ") if lines else ""
        super().__init__(first or class_name or "it gave no reason")
        self.class_name = class_name
        self.details = details


class AccessDeniedError(HadoopError, PermissionError):
    """The user must not do that."""


class NotFoundError(HadoopError, LookupError):
    """The daemon has no such application, attempt or container."""


class StandbyError(HadoopError):
    """The daemon is one of a pair, and not the active one."""


class InvalidTokenError(HadoopError):
    """The daemon does not know the token that we log in with, or not any more."""


class NotRegisteredError(HadoopError):
    """The ResourceManager was restarted and asks the ApplicationMaster to register again."""


class CredentialsError(YarnKernelError, ValueError):
    """A file of tokens cannot be read, or lacks the one that is needed."""


class HttpError(ClusterError):
    """A daemon of Hadoop does not answer over HTTP, or with an error.

    Parameters
    ----------
    message : str
        What happened.
    status : int, default 0
        HTTP's status; 0 without an answer.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoClusterError(ClusterError):
    """Nothing here names a cluster."""


class UnreadableFileError(ClusterError):
    """A file of the cluster cannot be read without Hadoop's own client, or is damaged."""


class LocalClusterError(ClusterError):
    """The local cluster cannot be started or stopped."""


class LocalClusterTimeoutError(LocalClusterError, TimeoutError):
    """The deadline passed before the local cluster was ready."""

    exit_code = 3


class ClusterFileError(ClusterError):
    """The cluster's file system does not do what it is asked for."""


class ClusterFileTimeoutError(ClusterFileError, TimeoutError):
    """The deadline passed before the cluster's file system had done what it was asked for."""

    exit_code = 3


class PackError(YarnKernelError):
    """An environment cannot be packed."""


class PackTimeoutError(PackError, TimeoutError):
    """The deadline passed before an environment was packed."""

    exit_code = 3


class ArtefactError(YarnKernelError, OSError):
    """An artefact of Hadoop cannot be fetched, verified or stored."""


class SubmitError(YarnKernelError):
    """The ResourceManager or skein's driver refused the application."""


class DirectWayError(SubmitError):
    """An application cannot be submitted without skein's driver; nothing was submitted.

    Parameters
    ----------
    reason : str
        Why, to follow a colon.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"it cannot be submitted without skein's driver: {reason}")
        self.reason = reason


class SubmitTimeoutError(SubmitError, TimeoutError):
    """The deadline passed before YARN had accepted the application."""

    exit_code = 3


class ApplicationError(YarnKernelError):
    """An application is not in the state that a command needs.

    Parameters
    ----------
    message : str
        What happened, in one line.
    app_id : str
        The application's id.
    state : str, optional
        Its last known state as YARN spells it, such as ``"ACCEPTED"``.
    diagnostics : str, optional
        YARN's diagnostics.
    log : str, optional
        The end of the kernel's log.
    hint : str, optional
        The command to type next.
    """

    def __init__(
        self,
        message: str,
        *,
        app_id: str,
        state: str = "",
        diagnostics: str = "",
        log: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.app_id = app_id
        self.state = state
        self.diagnostics = diagnostics.strip()
        self.log = log.rstrip()
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.diagnostics and self.diagnostics not in self.message:
            lines.append("  diagnostics: " + self.diagnostics.replace("\n", "\n    "))
        if self.log:
            lines.append("  end of the kernel's log:")
            lines += ["    " + line for line in self.log.splitlines()]
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)


class ApplicationTimeoutError(ApplicationError, TimeoutError):
    """The deadline passed before an application had ended."""

    exit_code = 3


class ApplicationNotFoundError(ApplicationError, LookupError):
    """The ResourceManager does not know the application, or it is not one of skein's."""


class ApplicationForgottenError(ApplicationNotFoundError):
    """The ResourceManager had the application, which has ended, and remembers it no more."""


class KernelStartError(ApplicationError):
    """The application ended, or was ended, before its kernel could be used."""


class MasterFailedError(KernelStartError):
    """A recipe could not be its application's ApplicationMaster; skein's might be."""

    @property
    def reason(self) -> str:
        """What the recipe said last; what YARN says where the log cannot be read."""
        said = [line for line in self.log.splitlines() if line.startswith(RECIPE_LINE)]
        return f"{self.app_id}: {said[-1]}" if said else self.message


class KernelStartTimeoutError(KernelStartError, TimeoutError):
    """The deadline passed before the kernel could be used."""

    exit_code = 3


class ConnectionInfoError(YarnKernelError, ValueError):
    """What stands under the key is not connection info that a client can use."""
