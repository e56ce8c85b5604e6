from __future__ import annotations

import milter
import pytest

from filterd.core.stage import Stage
from filterd.frontends.milter import negotiate

ALL_STEPS = (1 << 21) - 1
ALL_ACTIONS = (1 << 9) - 1


class Context:
    """Remembers the macro lists asked for."""

    def __init__(self) -> None:
        self.macros: dict[int, str] = {}

    def setsymlist(self, stage: int, names: str) -> None:
        self.macros[stage] = names


@pytest.mark.parametrize(
    ("stages", "answering"),
    [
        ((), set()),
        ((Stage.RCPT,), {"rcpt"}),
        ((Stage.CONNECT, Stage.MAIL), {"connect", "mail"}),
    ],
)
def test_only_callbacks_where_a_check_may_answer_get_a_reply(
    stages: tuple[Stage, ...], answering: set[str]
) -> None:
    offer = [ALL_ACTIONS, ALL_STEPS, 0, 0]
    granted = negotiate.settle(Context(), offer, stages)
    assert set(negotiate.REPLIES) - granted == answering
    for name, (_, flag) in negotiate.REPLIES.items():
        assert bool(offer[1] & flag) is (name not in answering)


def test_nothing_is_asked_for_that_the_mta_does_not_offer() -> None:
    context = Context()
    offer = [milter.ADDHDRS, 0, 0, 0]
    assert negotiate.settle(context, offer, ()) == frozenset()
    assert offer == [milter.ADDHDRS, 0, 0, 0]
    assert context.macros == {}


def test_the_queue_id_and_the_identity_are_asked_for() -> None:
    context = Context()
    negotiate.settle(context, [ALL_ACTIONS, ALL_STEPS, 0, 0], ())
    assert "{auth_authen}" in context.macros[milter.M_ENVFROM].split()
    assert context.macros[milter.M_EOH] == "i"
    assert context.macros[milter.M_EOM] == ""
