"""Smaller faults of adapters, each caught by the tests that are about it."""

import functools
from typing import Any

import attrs
import broken_adapters as broken
import pytest
from memory_world import FEATURES, in_memory
from test_broken_adapters import FIFO, STANDARD, OfBrokenConsumers, OfPublishers, failing, fails

from loafer.domain.message import NO_ATTRIBUTES
from loafer.testing.contracts import ConsumerContract, PublisherContract

AS_SENT = "test_a_message_comes_with_all_that_was_sent"


@pytest.mark.parametrize(
    ("consumer", "tests"),
    [
        (broken.StripsBodies, {AS_SENT, STANDARD, FIFO}),
        (broken.MakesLinesEndInOneWay, {AS_SENT, STANDARD, FIFO}),
        (broken.DropsBinaryAttributes, {"test_a_binary_attribute_comes_as_bytes"}),
        (broken.ShortensDelays, {"test_a_long_delay_and_a_long_extension_last_to_their_end_and_no_longer"}),
        (broken.DeletesBeforeItMoves, {"test_a_move_that_is_cancelled_at_any_moment_loses_nothing"}),
        (
            broken.MovesUnderTheDeduplicationIdOfTheSource,
            {
                "test_queues_that_share_a_dead_letter_queue_lose_nothing_of_equal_deduplication_ids",
                "test_a_queue_that_deduplicates_within_groups_loses_nothing_of_equal_deduplication_ids",
                "test_a_message_that_is_moved_and_redriven_and_moved_again_is_there",
            },
        ),
        (broken.ForgetsItsPollWhenClosed, {"test_closing_a_consumer_that_waits_loses_nothing"}),
        (broken.ReceivesOneAtATime, {"test_receives_that_run_at_once_do_not_wait_for_one_another"}),
        (broken.GivesBackWhenClosed, {STANDARD, FIFO}),
    ],
)
def test_a_consumer_with_a_smaller_fault_is_caught(consumer: Any, tests: set[str]) -> None:
    world = functools.partial(in_memory, consumer=consumer)
    assert [name for name in tests if not fails(OfBrokenConsumers(), name, world)] == []


@pytest.mark.parametrize(
    ("changes", "test"),
    [
        ({"attributes": NO_ATTRIBUTES}, "test_each_of_many_is_published_with_its_own_attributes"),
        ({"delay": None}, "test_each_of_many_has_its_own_delay"),
        ({"deduplication_id": None}, "test_deduplication_ids_hold_in_batches_too"),
    ],
)
def test_a_publisher_that_forgets_something_in_batches_is_caught(changes: dict[str, Any], test: str) -> None:
    publisher = functools.partial(broken.ChangesBatches, changes=changes)
    assert failing(OfPublishers(), functools.partial(in_memory, publisher=publisher)) >= {test}


def test_a_publisher_that_strips_bodies_is_caught() -> None:
    world = functools.partial(in_memory, publisher=broken.StripsWhatItPublishes)
    assert failing(OfPublishers(), world) == {
        "test_peculiar_bodies_are_published_as_they_are_one_by_one_and_in_a_batch"
    }


def test_a_publisher_that_goes_on_after_a_failure_is_caught() -> None:
    assert failing(OfPublishers(), functools.partial(in_memory, publisher=broken.GoesOnAfterAFailure)) == {
        "test_nothing_of_a_group_is_published_after_one_of_it_was_refused"
    }


@pytest.mark.parametrize("contract", [ConsumerContract, PublisherContract])
def test_a_test_that_the_features_lack_and_that_there_is_not_is_refused(contract: Any) -> None:
    def inherit(name: str) -> Any:
        return type("Mine", (contract,), {"features": attrs.evolve(FEATURES, lacks={name: "not here"})})

    there = next(name for name in dir(contract) if name.startswith("test_"))
    assert inherit(there).features.missing(there, ()) == "not here"
    with pytest.raises(TypeError) as error:
        inherit(there + "s")
    assert str(error.value) == (f"the features of Mine lack '{there}s', which is no test of it; did you mean {there}?")
    with pytest.raises(TypeError, match=r"give the name of one of its tests$"):
        inherit("x")
