"""A scheduler's answer to one of a user's processes, shared with the others."""

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
    """The last answer to one query, in a private file.

    Parameters
    ----------
    name : str
        Identifies the query and the host.
    """

    def __init__(self, name: str) -> None:
        directory = platformdirs.user_state_path("yarnkernel") / "schedulers"
        self._path = directory / f"{quote(name, safe='@')}.json"

    def get(
        self, ask: Callable[[], Completed], max_age: float, timeout: float
    ) -> tuple[Completed, float]:
        """Return an answer, if possible one that another process got.

        Parameters
        ----------
        ask : callable
            Makes the query.
        max_age : float
            Seconds after which an answer is too old.
        timeout : float
            Seconds to wait for another process that is asking.

        Returns
        -------
        Completed
            The answer.
        float
            Seconds since the query.

        Raises
        ------
        SchedulerDownError
            When another process got no answer in that time.
        OSError
            When it cannot be stored.
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
