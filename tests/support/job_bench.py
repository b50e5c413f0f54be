"""Jobs in a real batch system, by the functions that are tested and nothing else."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.conftest import PATIENCE, wait_for
from yarnkernel.completed import Completed
from yarnkernel.jobs.job_script import stripped
from yarnkernel.jobs.scheduler import JobPhase, JobRequest, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.daemons import BatchSystem
    from yarnkernel.jobs.scheduler import Scheduler


@dataclass
class JobBench:
    """A scheduler, what it is the scheduler of, and a directory for logs."""

    scheduler: Scheduler
    system: BatchSystem
    directory: Path
    logs: dict[str, Path] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, command: str | list[str], stdin: str = "", *, timeout: float = 20) -> Completed:
        environment = {**os.environ, **self.system.environment, **self.variables}
        try:
            done = subprocess.run(
                ["sh", "-c", command] if isinstance(command, str) else command,
                input=stdin,
                env=stripped(self.scheduler, environment),
                capture_output=True,
                text=True,
                timeout=timeout * PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise TimeoutError(f"no answer within {timeout} s") from exc
        return Completed(done.returncode, done.stdout, done.stderr)

    def submit(self, body: str, **fields: Any) -> str:
        """Submit a job with a log of its own."""
        log = self.directory / f"it's 50%j, {len(self.logs)}:log"
        request = JobRequest(name="yk-test", body=body, log=str(log), directory=str(self.directory))
        request = replace(request, **fields)
        argv, stdin = self.scheduler.submission(request)
        job_id = self.scheduler.submitted_id(self.run(argv, stdin))
        self.logs[job_id] = log
        return job_id

    def statuses(self) -> Mapping[str, JobStatus]:
        return self.scheduler.statuses(self.run(self.scheduler.query()))

    def reason(self, job_id: str, words: str) -> JobStatus:
        """What is told about a job that waits, once that says why."""

        def found() -> JobStatus | None:
            status = self.statuses()[job_id]
            return status if words in status.reason else None

        status = wait_for(found, 20, f"{words!r} of job {job_id}")
        assert isinstance(status, JobStatus)
        assert status.phase is JobPhase.WAITING
        return status

    def running(self, job_id: str) -> JobStatus:
        """What is told about a job that runs, once it does and its script has begun."""

        def found() -> JobStatus | None:
            status = self.statuses()[job_id]
            return status if status.phase is JobPhase.RUNNING and self.log(job_id) else None

        status = wait_for(found, 20, f"job {job_id} runs")
        assert isinstance(status, JobStatus)
        return status

    def ended(self, job_id: str, *, timeout: float = 20) -> JobStatus:
        """How a job ended, once it has."""

        def found() -> JobStatus | None:
            completed = self.run(self.scheduler.look_back(job_id))
            return self.scheduler.ended(job_id, completed, self.log(job_id))

        status = wait_for(found, timeout, f"job {job_id} has ended")
        assert isinstance(status, JobStatus)
        assert status.phase is JobPhase.ENDED
        return status

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        assert self.run(self.scheduler.cancellation(job_id, force=force)).code == 0

    def log(self, job_id: str) -> str:
        path = self.logs[job_id]
        return path.read_text() if path.exists() else ""
