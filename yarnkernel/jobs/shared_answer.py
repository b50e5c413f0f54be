"""What a scheduler has told one of a user's processes, for all of them: nobody asks twice."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import quote

import platformdirs

from yarnkernel.announcement import write_private
from yarnkernel.completed import Completed
from yarnkernel.errors import SchedulerDownError
from yarnkernel.file_lock import LockTimeoutError, locked

if TYPE_CHECKING:
    from collections.abc import Callable


class SharedAnswer:
    """The last answer to one question, in a private file.

    Parameters
    ----------
    name : str
        Which question to whom.
    """

    def __init__(self, name: str) -> None:
        directory = platformdirs.user_state_path("yarnkernel") / "schedulers"
        self._path = directory / f"{quote(name, safe='@')}.json"

    def get(
        self, ask: Callable[[], Completed], max_age: float, timeout: float
    ) -> tuple[Completed, float]:
        """Return an answer, of another process where there is one.

        Parameters
        ----------
        ask : callable
            Asks.
        max_age : float
            Seconds after which an answer is too old.
        timeout : float
            Seconds that another process may take to ask.

        Returns
        -------
        Completed
            The answer.
        float
            Seconds since the question.

        Raises
        ------
        SchedulerDownError
            When another process has had no answer in that time.
        OSError
            When it cannot be kept.
        """
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        try:
            with locked(self._path.with_suffix(".lock"), timeout):
                if (kept := self._read(max_age)) is not None:
                    return kept
                asked = time.time()
                answer = ask()
                write_private(self._path, {"asked": asked, "answer": asdict(answer)})
                return answer, time.time() - asked
        except LockTimeoutError as exc:
            raise SchedulerDownError(f"no answer within {timeout:.0f} s") from exc

    def _read(self, max_age: float) -> tuple[Completed, float] | None:
        try:
            document = json.loads(self._path.read_text())
            age = time.time() - document["asked"]
            answer = Completed(**document["answer"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return (answer, age) if 0 <= age < max_age else None
