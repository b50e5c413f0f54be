"""The findings of a check, and a runner of checks with a deadline for each."""

from __future__ import annotations

import dataclasses
import re
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnkernel.deadline import Deadline
from yarnkernel.errors import YarnKernelError
from yarnkernel.hadoop.endless_calls import start_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yarnkernel.doctor.subject import Subject

#: The results of a check. Kernels start despite a warning.
STATES = OK, WARNING, FAILED, SKIPPED = ("ok", "warning", "failed", "skipped")
#: Default seconds for one check.
CHECK_TIMEOUT = 15.0
#: Seconds that a check may take in addition to the waits inside it.
GRACE = 2.0


@dataclass(frozen=True)
class Check:
    """The findings of a check.

    Attributes
    ----------
    name : str
        What was checked.
    state : str
        ``"ok"``, ``"warning"``, ``"failed"`` or ``"skipped"``.
    found : str
        What was found.
    why : str
        Why that is wrong; empty if it is right.
    todo : str
        What to do about it.
    """

    name: str
    state: str
    found: str = ""
    why: str = ""
    todo: str = ""


def ok(found: str) -> Check:
    """Return a check that passed."""
    return Check("", OK, found)


def warning(found: str, why: str, todo: str = "") -> Check:
    """Return a check that passed with a warning."""
    return Check("", WARNING, found, why, todo)


def failed(found: str, why: str, todo: str = "") -> Check:
    """Return a check that failed: kernels do not start."""
    return Check("", FAILED, found, why, todo)


def skipped(why: str) -> Check:
    """Return a check that was skipped."""
    return Check("", SKIPPED, "", why)


def failure(error: Exception, found: str = "") -> Check:
    """Convert an error of this package, most of which say what to do after "next:"."""
    why, todo = split_next(str(error) or type(error).__name__)
    return failed(found, why, todo)


def split_next(text: str) -> tuple[str, str]:
    """Split an error's text into what happened and what to do next."""
    why, _, todo = re.sub(r"\s*\n\s*", " ", text).partition("next: ")
    return why.rstrip(" ;"), todo


@dataclass(frozen=True)
class Step:
    """A check to run.

    Attributes
    ----------
    name : str
        What is checked.
    examine : callable
        Runs the check.
    needs : tuple of str
        Names of checks that have to pass first.
    timeout : float
        Seconds for the check.
    todo : str
        What to do if it fails without advice.
    """

    name: str
    examine: Callable[[Subject, Deadline], Check]
    needs: tuple[str, ...] = ()
    timeout: float = CHECK_TIMEOUT
    todo: str = "mend that, and run yarnkernel doctor again"


def run(steps: Sequence[Step], subject: Subject, deadline: Deadline) -> Iterator[Check]:
    """Run checks in order; a failure skips only the checks that need it.

    Parameters
    ----------
    steps : sequence of Step
        What is checked.
    subject : Subject
        Of what.
    deadline : Deadline
        The deadline for all checks.

    Yields
    ------
    Check
        The findings of each, as soon as it is done.
    """
    #: Failed and skipped checks, with the failure that caused it.
    unfit: dict[str, list[str]] = {}
    for step in steps:
        missing = list(dict.fromkeys(one for name in step.needs for one in unfit.get(name, ())))
        if missing:
            check = skipped(f"needs what failed before: {', '.join(missing)}")
        elif deadline.passed:
            check = skipped(f"the {deadline.seconds:.0f} s for all checks are over")
        else:
            check = _run(step, subject, Deadline(deadline.step(step.timeout)))
        if check.state == FAILED or missing:
            unfit[step.name] = missing or [step.name]
        todo = check.todo or (step.todo if check.state == FAILED else "")
        yield dataclasses.replace(check, name=step.name, todo=todo)


def _run(step: Step, subject: Subject, deadline: Deadline) -> Check:
    # Resolvers, mounted directories and third-party libraries have no deadlines.
    future = start_in_thread(lambda: step.examine(subject, deadline))
    try:
        return future.result(deadline.seconds + GRACE)
    except FutureTimeoutError:
        if future.done():  # its own
            return failed("", f"no answer within {deadline.seconds:.0f} s")
        return failed("", f"this check did not end within {deadline.seconds:.0f} s")
    except (YarnKernelError, OSError) as exc:
        return failure(exc)
    except Exception as exc:  # noqa: BLE001  (the others have to go on)
        return failed("", f"this check has an error of its own: {exc!r}", "please report it")
