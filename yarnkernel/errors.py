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
#: The beginning of the recipe's own lines in its container's log.
RECIPE_LINE = "yarnkernel.recipe: "


class YarnKernelError(Exception):
    """Base of all errors of this package.

    Attributes
    ----------
    exit_code : int
        The exit code of a command that this error ends.
    """

    exit_code = 1


def summary(error: object) -> str:
    """Return an error in one line, without hints and logs."""
    return str(getattr(error, "message", error)).partition("\n")[0]


class UsageError(YarnKernelError, ValueError):
    """An unusable argument, option or file, found before anything was submitted."""

    exit_code = 2


class SpecError(UsageError):
    """An application specification that cannot be submitted; names the file and the field."""


class PlaceError(YarnKernelError, ConnectionError):
    """The place where kernels run does not answer, or none is configured."""


class ClusterError(PlaceError):
    """No cluster is configured, or the cluster does not answer."""


class HostError(PlaceError):
    """A host cannot be reached or cannot do what is asked of it."""


class HostTimeoutError(HostError, TimeoutError):
    """A host did not answer in time."""

    exit_code = 3


class HostRefusedError(HostError):
    """A host refuses what is asked of it, and would do so again."""


class SchedulerDownError(PlaceError):
    """A batch system does not answer; its jobs may be fine."""


class HadoopConfigurationError(ClusterError):
    """An unusable site file of Hadoop, or an unusable setting in one."""


class RpcError(ClusterError):
    """A server that should be a daemon of Hadoop does not follow Hadoop's RPC protocol."""


class AuthenticationError(RpcError):
    """Authentication with a daemon failed, or it wants a kind that is not supported."""


class UnreachableError(RpcError):
    """A daemon of Hadoop cannot be reached or closes the connection; it may be restarting."""


class RpcTimeoutError(UnreachableError, TimeoutError):
    """The deadline passed before a daemon of Hadoop had answered."""


class HadoopError(ClusterError):
    """A daemon of Hadoop answered with an exception.

    Parameters
    ----------
    class_name : str
        The exception's class in Java.
    details : str
        Its message with the stack trace.
    """

    def __init__(self, class_name: str, details: str) -> None:
        # The first line repeats the class; a stack trace follows.
        lines = [line.strip() for line in details.splitlines() if line.strip()]
        first = lines[0].removeprefix(f"{class_name}: ") if lines else ""
        super().__init__(first or class_name or "it gave no reason")
        self.class_name = class_name
        self.details = details


class AccessDeniedError(HadoopError, PermissionError):
    """The user is not allowed to do that."""


class NotFoundError(HadoopError, LookupError):
    """The daemon knows no such application, attempt or container."""


class StandbyError(HadoopError):
    """The daemon is the standby of a pair."""


class InvalidTokenError(HadoopError):
    """The daemon does not accept our token, which may have expired."""


class NotRegisteredError(HadoopError):
    """The ResourceManager was restarted, and the ApplicationMaster has to register again."""


class CredentialsError(YarnKernelError, ValueError):
    """A token file cannot be read or lacks a needed token."""


class HttpError(ClusterError):
    """A daemon of Hadoop answers with an HTTP error or not at all.

    Parameters
    ----------
    message : str
        What happened.
    status : int, default 0
        The HTTP status; 0 without an answer.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NoClusterError(ClusterError):
    """No cluster is configured."""


class UnreadableFileError(ClusterError):
    """A file on the cluster is damaged or cannot be read without Hadoop's own client."""


class LocalClusterError(ClusterError):
    """The local cluster cannot be started or stopped."""


class LocalClusterTimeoutError(LocalClusterError, TimeoutError):
    """The deadline passed before the local cluster was ready."""

    exit_code = 3


class ClusterFileError(ClusterError):
    """The cluster's file system refuses an operation or fails."""


class ClusterFileTimeoutError(ClusterFileError, TimeoutError):
    """The deadline passed before the cluster's file system had finished."""

    exit_code = 3


class PackError(YarnKernelError):
    """An environment cannot be packed."""


class PackTimeoutError(PackError, TimeoutError):
    """The deadline passed before an environment was packed."""

    exit_code = 3


class ArtefactError(YarnKernelError, OSError):
    """An artefact of Hadoop cannot be downloaded, verified or stored."""


class SubmitError(YarnKernelError):
    """The ResourceManager or skein's driver refused the application."""


class DirectWayError(SubmitError):
    """An application cannot be submitted without skein's driver; nothing was submitted.

    Parameters
    ----------
    reason : str
        Why; follows a colon.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"it cannot be submitted without skein's driver: {reason}")
        self.reason = reason


class SubmitTimeoutError(SubmitError, TimeoutError):
    """The deadline passed before YARN had accepted the application."""

    exit_code = 3


class ApplicationError(YarnKernelError):
    """An application is not in the state that an operation needs.

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
    """The ResourceManager does not know the application, or it is not one of skein or ours."""


class ApplicationForgottenError(ApplicationNotFoundError):
    """The application has ended so long ago that the ResourceManager has forgotten it."""


class KernelStartError(ApplicationError):
    """The application ended, or was ended, before its kernel could be used."""


class MasterFailedError(KernelStartError):
    """A recipe could not be its application's ApplicationMaster; skein's may work."""

    @property
    def reason(self) -> str:
        """The recipe's last message, or YARN's if the log cannot be read."""
        said = [line for line in self.log.splitlines() if line.startswith(RECIPE_LINE)]
        return f"{self.app_id}: {said[-1]}" if said else self.message


class KernelStartTimeoutError(KernelStartError, TimeoutError):
    """The deadline passed before the kernel could be used."""

    exit_code = 3


class ConnectionInfoError(YarnKernelError, ValueError):
    """The value of the key is not usable connection info."""
