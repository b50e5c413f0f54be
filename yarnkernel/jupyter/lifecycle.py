"""The states of a kernel that jupyter_client manages, and the transitions between them.

jupyter_client tells a provisioner little: that a kernel is cleaned up for a restart, but not who
wants that. So the requests and who made them have to be remembered.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """The state of a kernel."""

    NEW = enum.auto()
    #: Being started or restarted.
    LAUNCHING = enum.auto()
    RUNNING = enum.auto()
    #: Considered dead by jupyter_client, which has not said yet what follows.
    DEAD = enum.auto()
    #: Its user has asked for a restart.
    ASKED_TO_RESTART = enum.auto()
    #: To be launched again at its user's request.
    RESTARTING = enum.auto()
    #: To be launched again because jupyter_client found it dead.
    REVIVING = enum.auto()
    #: Asked to end, and not considered dead yet.
    ASKED_TO_END = enum.auto()
    ENDED = enum.auto()
    #: Ended for good, although jupyter_client is going to launch it again.
    REVOKED = enum.auto()


_FINAL = {State.ASKED_TO_END, State.ENDED, State.REVOKED}


class Lifecycle:
    """One kernel's state.

    Attributes
    ----------
    state : State
        The current state.
    """

    def __init__(self) -> None:
        self.state = State.NEW

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel in jupyter_client's sense."""
        return self.state in (State.RUNNING, State.ASKED_TO_END)

    @property
    def is_final(self) -> bool:
        """Whether it has ended or is to end, for good."""
        return self.state in _FINAL

    @property
    def is_revoked(self) -> bool:
        """Whether it must not be launched again."""
        return self.state is State.REVOKED

    def launch(self) -> bool:
        """Note the beginning of a launch; return whether no user has asked for it."""
        unasked = self.state is State.REVIVING
        self.state = State.LAUNCHING
        return unasked

    def launched(self) -> None:
        """Note that it runs."""
        self.state = State.RUNNING

    def failed(self) -> None:
        """Note that it could not be launched."""
        if self.state is State.LAUNCHING:
            self.state = State.DEAD

    def taken_for_dead(self) -> None:
        """Note that jupyter_client considers it dead."""
        follows = {State.RUNNING: State.DEAD, State.ASKED_TO_END: State.ENDED}
        self.state = follows.get(self.state, self.state)

    def asked_to_restart(self) -> None:
        """Note that its user has asked for a restart."""
        if not self.is_final:
            self.state = State.ASKED_TO_RESTART

    def asked_to_end(self) -> None:
        """Note that its user has asked for its end."""
        self._end(State.ASKED_TO_END if self.has_process else State.ENDED)

    def cleaned_up(self) -> None:
        """Note that it is cleaned up for good."""
        self._end(State.ENDED)

    def _end(self, state: State) -> None:
        if self.state in (State.RESTARTING, State.REVIVING, State.REVOKED):
            state = State.REVOKED
        self.state = state

    def to_be_launched_again(self) -> None:
        """Note that jupyter_client is going to launch it again."""
        follows = {
            State.NEW: State.REVIVING,
            State.RUNNING: State.REVIVING,
            State.DEAD: State.REVIVING,
            State.ASKED_TO_RESTART: State.RESTARTING,
            State.ASKED_TO_END: State.REVOKED,
            State.ENDED: State.REVOKED,
        }
        self.state = follows.get(self.state, self.state)
