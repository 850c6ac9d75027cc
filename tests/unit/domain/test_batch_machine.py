"""Batches: who joins, when they go out."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from loafer.domain.batch import LINGER, Batch, Failure, one_for_each
from loafer.domain.limits import LARGEST_BATCH


class BatchMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.batch = Batch[int]()
        self.model: list[tuple[int, float]] = []
        self.now = 0.0
        self.added = 0

    @rule(number=st.integers(0, 25))
    def add(self, number: int) -> None:
        entries = range(self.added + 1, self.added + number + 1)
        self.batch.add(entries, self.now)
        self.model += [(entry, self.now) for entry in entries]
        self.added += number

    @rule(milliseconds=st.integers(0, 12))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds / 1000

    @rule()
    def wait_until_it_is_due(self) -> None:
        if self.batch.due_at is not None:
            self.now = max(self.now, self.batch.due_at)
            left = len(self.model)
            self.take(others_may_join=True)
            assert len(self.model) < left

    @rule(others_may_join=st.booleans())
    def take(self, *, others_may_join: bool) -> None:
        taken = self.batch.take(self.now, others_may_join=others_may_join)
        assert len(taken) <= LARGEST_BATCH
        assert taken == [entry for entry, _ in self.model[: len(taken)]]
        if self.model and not taken:
            assert others_may_join
            assert len(self.model) < LARGEST_BATCH
            assert self.now < self.model[0][1] + LINGER
        if taken and others_may_join and len(taken) < LARGEST_BATCH:
            assert self.batch.entries == []
        del self.model[: len(taken)]

    @invariant()
    def nothing_is_lost_and_the_first_waits_for_no_longer_than_the_linger(self) -> None:
        assert self.batch.entries == [entry for entry, _ in self.model]
        if self.batch.due_at is None:
            assert not self.model
        else:
            assert self.batch.due_at <= self.model[0][1] + LINGER


TestBatch = BatchMachine.TestCase
TestBatch.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_batch_waits_for_company_for_as_long_as_the_linger() -> None:
    batch = Batch[str]()
    batch.add(["a"], 1.0)
    batch.add(["b"], 1.005)
    assert batch.take(1.009, others_may_join=True) == []
    assert batch.take(1.0 + LINGER, others_may_join=True) == ["a", "b"]
    assert batch.due_at is None


def test_a_batch_that_nobody_can_join_goes_out_at_once() -> None:
    batch = Batch[str]()
    batch.add(["a"], 1.0)
    assert batch.take(1.0, others_may_join=False) == ["a"]
    assert batch.take(1.0, others_may_join=False) == []


def test_what_a_full_batch_left_behind_goes_out_when_it_was_due() -> None:
    batch = Batch[int]()
    batch.add(range(LARGEST_BATCH + 2), 1.0)
    assert len(batch.take(1.0 + LINGER / 2, others_may_join=True)) == LARGEST_BATCH
    assert batch.take(1.0 + LINGER, others_may_join=True) == [10, 11]


def test_a_failure_may_be_retried_unless_it_says_otherwise() -> None:
    assert Failure("no answer").retryable


@pytest.mark.parametrize("results", [[], [None], [None] * 3])
def test_results_are_as_many_as_what_was_asked_for_or_none_of_them_counts(results: list[Failure | None]) -> None:
    with pytest.raises(ValueError, match=rf"^there are {len(results)} results for 2 messages$"):
        one_for_each(results, 2)
    assert one_for_each(results, len(results)) is results
