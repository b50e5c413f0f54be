"""What a check has found, and how checks are run: one after the other, each with its deadline."""

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

#: How a check ends. A warning keeps no kernel from starting.
STATES = OK, WARNING, FAILED, SKIPPED = ("ok", "warning", "failed", "skipped")
#: Seconds for one check, unless it says another.
CHECK_TIMEOUT = 15.0
#: Seconds by which a check may be later than the waits inside of it.
GRACE = 2.0


@dataclass(frozen=True)
class Check:
    """What a check has found.

    Attributes
    ----------
    name : str
        What was checked.
    state : str
        ``"ok"``, ``"warning"``, ``"failed"`` or ``"skipped"``.
    found : str
        What there is.
    why : str
        Why that is not as it should be; empty when it is.
    todo : str
        What to do about it.
    """

    name: str
    state: str
    found: str = ""
    why: str = ""
    todo: str = ""


def ok(found: str) -> Check:
    """All is as it should be."""
    return Check("", OK, found)


def warning(found: str, why: str, todo: str = "") -> Check:
    """Kernels start, but."""
    return Check("", WARNING, found, why, todo)


def failed(found: str, why: str, todo: str = "") -> Check:
    """Kernels do not start."""
    return Check("", FAILED, found, why, todo)


def skipped(why: str) -> Check:
    """Nothing was checked."""
    return Check("", SKIPPED, "", why)


def failure(error: Exception, found: str = "") -> Check:
    """Take an error of this package apart: most say after "next:" what to do."""
    why, todo = split_next(str(error) or type(error).__name__)
    return failed(found, why, todo)


def split_next(text: str) -> tuple[str, str]:
    """Split an error's text into what has happened, and what to do next."""
    why, _, todo = re.sub(r"\s*\n\s*", " ", text).partition("next: ")
    return why.rstrip(" ;"), todo


@dataclass(frozen=True)
class Step:
    """A check that is to be done.

    Attributes
    ----------
    name : str
        What is checked.
    examine : callable
        Checks it.
    needs : tuple of str
        Names of those that have to be in order before.
    timeout : float
        Seconds that it may take.
    todo : str
        What to do when it fails without saying so itself.
    """

    name: str
    examine: Callable[[Subject, Deadline], Check]
    needs: tuple[str, ...] = ()
    timeout: float = CHECK_TIMEOUT
    todo: str = "mend that, and run yarnkernel doctor again"


def run(steps: Sequence[Step], subject: Subject, deadline: Deadline) -> Iterator[Check]:
    """Run checks one after the other; one that fails stops those alone that need it.

    Parameters
    ----------
    steps : sequence of Step
        What is checked.
    subject : Subject
        Of what.
    deadline : Deadline
        For all of them.

    Yields
    ------
    Check
        What each has found, when it has.
    """
    #: Names of what failed, or was skipped for that, with what it was that failed.
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
    # Resolvers, mounted directories and libraries of others know no deadline.
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
