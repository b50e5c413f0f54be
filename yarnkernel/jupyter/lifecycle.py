"""The states of one kernel as jupyter_client leads it, and what leads from one to another.

jupyter_client tells a provisioner little: that a kernel is cleaned up for a restart, but not who
wants that. Who has asked, and what for, has to be kept in mind.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a kernel is in its life."""

    NEW = enum.auto()
    #: Being started, or restarted.
    LAUNCHING = enum.auto()
    RUNNING = enum.auto()
    #: Taken for dead by jupyter_client, which has not said yet what follows.
    DEAD = enum.auto()
    #: Its user has asked for a restart.
    ASKED_TO_RESTART = enum.auto()
    #: To be launched again, as its user has asked.
    RESTARTING = enum.auto()
    #: To be launched again, as jupyter_client has found it dead.
    REVIVING = enum.auto()
    #: Asked to end, and not taken for dead yet.
    ASKED_TO_END = enum.auto()
    ENDED = enum.auto()
    #: Ended for good, while jupyter_client takes it for one that is to be launched again.
    REVOKED = enum.auto()


_FINAL = {State.ASKED_TO_END, State.ENDED, State.REVOKED}


class Lifecycle:
    """One kernel's state.

    Attributes
    ----------
    state : State
        The state.
    """

    def __init__(self) -> None:
        self.state = State.NEW

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel, as jupyter_client has it."""
        return self.state in (State.RUNNING, State.ASKED_TO_END)

    @property
    def is_final(self) -> bool:
        """Whether it is to end, and to stay so."""
        return self.state in _FINAL

    @property
    def is_revoked(self) -> bool:
        """Whether it must not be launched again."""
        return self.state is State.REVOKED

    def launch(self) -> bool:
        """Begin to launch it; say whether nobody has asked for that."""
        unasked = self.state is State.REVIVING
        self.state = State.LAUNCHING
        return unasked

    def launched(self) -> None:
        """It runs."""
        self.state = State.RUNNING

    def failed(self) -> None:
        """It could not be launched."""
        if self.state is State.LAUNCHING:
            self.state = State.DEAD

    def taken_for_dead(self) -> None:
        """jupyter_client counts on it no longer."""
        follows = {State.RUNNING: State.DEAD, State.ASKED_TO_END: State.ENDED}
        self.state = follows.get(self.state, self.state)

    def asked_to_restart(self) -> None:
        """Its user wants another process in its place."""
        if not self.is_final:
            self.state = State.ASKED_TO_RESTART

    def asked_to_end(self) -> None:
        """Its user wants its end."""
        self._end(State.ASKED_TO_END if self.has_process else State.ENDED)

    def cleaned_up(self) -> None:
        """Nothing of it is to be left."""
        self._end(State.ENDED)

    def _end(self, state: State) -> None:
        if self.state in (State.RESTARTING, State.REVIVING, State.REVOKED):
            state = State.REVOKED
        self.state = state

    def to_be_launched_again(self) -> None:
        """jupyter_client is going to launch it again."""
        follows = {
            State.NEW: State.REVIVING,
            State.RUNNING: State.REVIVING,
            State.DEAD: State.REVIVING,
            State.ASKED_TO_RESTART: State.RESTARTING,
            State.ASKED_TO_END: State.REVOKED,
            State.ENDED: State.REVOKED,
        }
        self.state = follows.get(self.state, self.state)
