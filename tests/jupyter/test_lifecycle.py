"""The states of a kernel, in the orders in which jupyter_client leads through them."""

from __future__ import annotations

import pytest

from yarnkernel.jupyter.lifecycle import Lifecycle, State


@pytest.mark.parametrize(
    ("events", "state"),
    [
        # A start, and its end by the user.
        ("launch launched", State.RUNNING),
        ("launch launched asked_to_end", State.ASKED_TO_END),
        ("launch launched asked_to_end taken_for_dead cleaned_up", State.ENDED),
        # Ended without a word: a kernel that is shut down at once, or whose start failed.
        ("launch launched taken_for_dead cleaned_up", State.ENDED),
        ("launch failed", State.DEAD),
        # Shut down while it starts.
        ("launch cleaned_up failed", State.ENDED),
        ("launch asked_to_end", State.ENDED),
        # A restart by the user, and one by the restarter.
        ("launch launched asked_to_restart taken_for_dead to_be_launched_again",
         State.RESTARTING),
        ("launch launched taken_for_dead to_be_launched_again", State.REVIVING),
        # The restarter takes a kernel that its user has ended for one that died.
        ("launch launched asked_to_end to_be_launched_again", State.REVOKED),
        ("launch launched cleaned_up to_be_launched_again", State.REVOKED),
        ("launch launched to_be_launched_again cleaned_up", State.REVOKED),
        ("launch launched to_be_launched_again asked_to_end cleaned_up", State.REVOKED),
        ("launch launched asked_to_end asked_to_restart to_be_launched_again",
         State.REVOKED),
        # Told twice.
        ("launch launched to_be_launched_again to_be_launched_again", State.REVIVING),
    ],
)  # fmt: skip
def test_transitions(events: str, state: State) -> None:
    life = Lifecycle()
    for event in events.split():
        getattr(life, event)()
    assert life.state is state
    assert life.has_process is (state in (State.RUNNING, State.ASKED_TO_END))
    ends = (State.ASKED_TO_END, State.ENDED, State.REVOKED)
    assert (life.is_final, life.is_revoked) == (state in ends, state is State.REVOKED)


def test_who_asked() -> None:
    life = Lifecycle()
    assert not life.launch()
    life.launched()
    life.asked_to_restart()
    life.to_be_launched_again()
    assert not life.launch(), "its user has"
    life.launched()
    life.taken_for_dead()
    life.to_be_launched_again()
    assert life.launch(), "nobody has"
