"""The interface to the scheduler of any batch system: requests, and the status of jobs.

The functions of a scheduler are pure: they compose commands and parse their output. Callers run the
commands, on this machine or over a line to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnkernel.completed import Completed


@dataclass(frozen=True)
class JobRequest:
    """A request for a job.

    Attributes
    ----------
    name : str
        The job's name; each scheduler adapts it. It identifies a job whose id is unknown if no
        other job of the user has the same first 15 characters.
    body : str
        Lines of sh that the job runs; the last one must begin with ``exec``, as otherwise signals
        of the scheduler to the job's first process do not reach the program.
    log : str
        Absolute path on the host for the job's output, in an existing directory.
    directory : str
        Absolute path of the job's working directory.
    cpus : int, default 0
        Processors on one node; here and below, 0 means the scheduler's default.
    memory : int, default 0
        MiB for the whole job.
    time : float, default 0
        Seconds after which the scheduler ends it.
    queue : str, optional
        Partition or queue.
    account : str, optional
        Account or project to charge.
    gpus : int, default 0
        Graphics cards.
    pe : str, optional
        Grid Engine's parallel environment.
    arguments : tuple of str, optional
        More arguments of the command that submits, taken literally.
    """

    name: str
    body: str
    log: str
    directory: str
    cpus: int = 0
    memory: int = 0
    time: float = 0.0
    queue: str = ""
    account: str = ""
    gpus: int = 0
    pe: str = ""
    arguments: tuple[str, ...] = ()


class JobPhase(Enum):
    """The phase of a job, for all schedulers alike."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JobStatus:
    """The status of one job in its scheduler.

    Attributes
    ----------
    id : str
        Its id.
    state : str
        The scheduler's own word, such as ``"PENDING"`` or ``"qw"``; empty if it gives none.
    phase : JobPhase
        The phase that this means.
    reason : str
        Why it waits, or how it ended, including the scheduler's own words. The text is not trusted
        and may have any characters.
    host : str
        The node where it runs.
    exit_code : int or None
        The exit code of its first process, 128 and more for signals as in a shell; None while
        unknown.
    hopeless : bool
        Whether it waits and, as things are, will never start.
    expected : float or None
        When the scheduler intends to start it, in seconds since the epoch.
    cpus : int
        Processors that it has or requests; 0 if the scheduler does not say.
    """

    id: str
    state: str
    phase: JobPhase
    reason: str = ""
    host: str = ""
    exit_code: int | None = None
    hopeless: bool = False
    expected: float | None = None
    cpus: int = 0


class Scheduler(Protocol):
    """The batch system of a host, by its user commands.

    Attributes
    ----------
    name : str
        Its name for users: ``"slurm"``, ``"sge"`` or ``"pbs"``.
    environment_stripped : tuple of str
        Names of an enclosing job's variables that the commands must not see; a ``*`` at the end
        stands for any characters.
    environment_kept : tuple of str
        Names of variables that the commands need although they match those.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  (an attribute, see above)

    @property
    def environment_stripped(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def environment_kept(self) -> tuple[str, ...]: ...  # noqa: D102

    def submission(self, request: JobRequest) -> tuple[list[str], str]:
        """Return the command that submits a job, and its standard input.

        Raises
        ------
        UsageError
            When no command can express the request.
        """
        ...

    def submitted_id(self, completed: Completed) -> str:
        """Return the id of a submitted job.

        Raises
        ------
        SubmitError
            When the scheduler refused it, with the scheduler's words.
        """
        ...

    def query(self) -> str:
        """Return a command line of sh that lists all jobs of the user."""
        ...

    def statuses(self, completed: Completed) -> Mapping[str, JobStatus]:
        """Return the jobs in the answer to :meth:`query`, by id.

        Raises
        ------
        SchedulerDownError
            When there is no answer, which says nothing about jobs.
        """
        ...

    def look_back(self, job_id: str) -> str:
        """Return a command line of sh that asks how a job ended that has left the queue."""
        ...

    def ended(self, job_id: str, completed: Completed, log_tail: str) -> JobStatus | None:
        """Return how a job ended.

        Parameters
        ----------
        job_id : str
            Its id.
        completed : Completed
            The answer to :meth:`look_back`.
        log_tail : str
            The end of the job's log, the only place where some schedulers say why they ended it.

        Returns
        -------
        JobStatus or None
            None if the answer does not say that it has ended.

        Raises
        ------
        SchedulerDownError
            When there is no answer.
        """
        ...

    def cancellation(self, job_id: str, *, force: bool) -> list[str]:
        """Return the command that ends a job, waiting or running.

        Parameters
        ----------
        job_id : str
            Its id.
        force : bool
            Whether its processes get no time to clean up.
        """
        ...

    def cancellation_by_name(self, name: str) -> list[str]:
        """Return the command that ends the user's jobs with a name, as given in a request.

        For a submission whose answer was lost.
        """
        ...
