"""When a server that fails is not asked any more."""

import pytest

from digest.engines.batch import CANCELLED, PATIENCE, Patience, answered
from digest.errors import EngineUnavailable
from digest.protocols import LATER, Answer, Ask

FAILED, GOOD = Answer(0, "", LATER, error="no answer within 300 s"), Answer(0, "{}", "stop")
ASK = Ask([{"role": "user", "content": "x"}], ("title",), 10)


def test_it_ends_with_the_cause_and_begins_anew() -> None:
    patience = Patience()
    for _ in range(2):
        for _ in range(PATIENCE - 1):
            patience.seen(FAILED)
        with pytest.raises(EngineUnavailable, match="no answer within 300 s"):
            patience.seen(FAILED)


def test_any_answer_and_no_cancelling_restores_it() -> None:
    patience = Patience()
    for answer in [FAILED, FAILED, GOOD] * 3 + [Answer(0, "", LATER, error=CANCELLED)] * 5:
        patience.seen(answer)


def test_it_lasts_over_the_batches_of_one_engine() -> None:
    """A server that shares an engine among callers asks one question a batch."""
    patience = Patience()
    for _ in range(PATIENCE - 1):
        assert list(answered([ASK], lambda n, ask, stop: FAILED, 1, "x", patience)) == [FAILED]
    with pytest.raises(EngineUnavailable):
        list(answered([ASK], lambda n, ask, stop: FAILED, 1, "x", patience))
