"""What any scheduler of a batch system is asked for, and what it tells about a job.

The functions of a scheduler are pure: they write commands and read what these have said. Whoever
calls them runs the commands, on this machine or through a line to another.
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
    """What a scheduler is asked for.

    Attributes
    ----------
    name : str
        The job's name; each scheduler makes it fit. It finds a job whose id is not known if no
        other job of the user has the same first 15 characters.
    body : str
        Lines of sh that the job runs; the last one begins with ``exec``, or what the scheduler
        sends to the job's first process does not reach the program.
    log : str
        Absolute path on the host for what the job writes, in a directory that exists.
    directory : str
        Absolute path of the job's working directory.
    cpus : int, default 0
        Processors on one node; 0 for what the scheduler gives by default, as in all that follow.
    memory : int, default 0
        MiB of the whole job.
    time : float, default 0
        Seconds after which the scheduler ends it.
    queue : str, optional
        Partition or queue.
    account : str, optional
        Account or project that pays.
    gpus : int, default 0
        Graphics cards.
    pe : str, optional
        Grid Engine's parallel environment.
    arguments : tuple of str, optional
        More arguments of the command that submits, to the letter.
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
    """How far a job is, the same for all schedulers."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JobStatus:
    """What a scheduler tells about one job.

    Attributes
    ----------
    id : str
        Its id.
    state : str
        The scheduler's own word, such as ``"PENDING"`` or ``"qw"``; empty when it gives none.
    phase : JobPhase
        What that means.
    reason : str
        Why it waits, or how it ended, in words with the scheduler's own among them. The text is
        others' and may have any characters.
    host : str
        The node where it runs.
    exit_code : int or None
        That of its first process, 128 and more for signals as in a shell; None while it is not
        known.
    hopeless : bool
        Whether it waits, and will never start as things are.
    expected : float or None
        When the scheduler means to start it, in seconds since the epoch.
    cpus : int
        Processors that it has or asks for; 0 when the scheduler does not tell.
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
    """The batch system of a host, by its user's commands.

    Attributes
    ----------
    name : str
        What users call it: ``"slurm"``, ``"sge"`` or ``"pbs"``.
    environment_stripped : tuple of str
        Variables of an enclosing job that none of the commands may see, or what their names begin
        with when a ``*`` follows.
    environment_kept : tuple of str
        Variables that are meant for the commands although they look like those.
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
            When no command could say what is asked for.
        """
        ...

    def submitted_id(self, completed: Completed) -> str:
        """Return the id of the job that was submitted.

        Raises
        ------
        SubmitError
            When the scheduler refused it; it has the scheduler's words.
        """
        ...

    def query(self) -> str:
        """Return a command line of sh that asks for all jobs of the user."""
        ...

    def statuses(self, completed: Completed) -> Mapping[str, JobStatus]:
        """Return what the answer to :meth:`query` tells, by job id.

        Raises
        ------
        SchedulerDownError
            When there is no answer. That says nothing about jobs.
        """
        ...

    def look_back(self, job_id: str) -> str:
        """Return a command line of sh that asks how a job ended which the queue has no more."""
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
            The end of the job's log, where some schedulers alone say why they ended it.

        Returns
        -------
        JobStatus or None
            None when the answer does not say that it has ended.

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
            Whether its processes get no time to tidy up.
        """
        ...

    def cancellation_by_name(self, name: str) -> list[str]:
        """Return the command that ends the user's jobs of a name, as requests have it.

        For a submission whose answer was lost.
        """
        ...
