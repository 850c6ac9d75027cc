"""An adapter that is broken on purpose fails the contract, by example and on random schedules."""

import functools
from typing import ClassVar

import attrs
import pytest
from broken_adapters import (
    AcknowledgesOnReceive,
    DeliversTwiceAtOnce,
    ForgetsOrder,
    LosesOnCancellation,
    SwallowsFailedEntries,
    SwallowsRefusals,
)
from memory_world import FEATURES, in_memory

from loafer.testing.contracts import ConsumerContract, Contract, Features, PublisherContract, Worlds


class OfConsumers(ConsumerContract):
    features: ClassVar[Features] = attrs.evolve(FEATURES, shrinks=False)


class OfBrokenConsumers(OfConsumers):
    features: ClassVar[Features] = attrs.evolve(OfConsumers.features, examples=2000)  # until one fails


class OfPublishers(PublisherContract):
    features: ClassVar[Features] = FEATURES


OfConsumers.__test__ = OfBrokenConsumers.__test__ = OfPublishers.__test__ = False  # type: ignore[attr-defined]


def failing(contract: Contract, world: Worlds) -> set[str]:
    """Return the names of the contract's tests that fail in a world."""
    names = [name for name in dir(contract) if name.startswith("test_")]
    return {name for name in names if fails(contract, name, world)}


def fails(contract: Contract, name: str, world: Worlds) -> bool:
    try:
        getattr(contract, name)(world=world)
    except pytest.skip.Exception:
        return False
    except (AssertionError, ValueError, pytest.fail.Exception):
        return True
    return False


STANDARD = "test_a_standard_queue_does_what_the_model_allows"
FIFO = "test_a_fifo_queue_does_what_the_model_allows"


def test_a_sound_adapter_fails_nothing() -> None:
    assert failing(OfConsumers(), in_memory) | failing(OfPublishers(), in_memory) == set()


def test_a_consumer_that_acknowledges_on_receive_is_caught() -> None:
    assert failing(OfBrokenConsumers(), functools.partial(in_memory, consumer=AcknowledgesOnReceive)) >= {
        "test_a_received_message_is_invisible",
        "test_what_is_not_acknowledged_comes_back_after_the_visibility_timeout",
        STANDARD,
        FIFO,
    }


def test_a_consumer_that_loses_on_cancellation_is_caught() -> None:
    found = failing(OfBrokenConsumers(), functools.partial(in_memory, consumer=LosesOnCancellation))
    assert found == {"test_a_receive_that_is_cancelled_at_any_moment_loses_nothing", STANDARD, FIFO}


def test_a_consumer_that_delivers_twice_at_once_is_caught() -> None:
    assert failing(OfBrokenConsumers(), functools.partial(in_memory, consumer=DeliversTwiceAtOnce)) >= {
        "test_a_received_message_is_invisible",
        "test_concurrent_receives_of_one_consumer_bring_different_messages",
        "test_a_group_is_locked_while_one_of_it_is_in_flight",
        STANDARD,
        FIFO,
    }


def test_a_consumer_that_swallows_a_failed_entry_is_caught() -> None:
    assert failing(OfBrokenConsumers(), functools.partial(in_memory, consumer=SwallowsFailedEntries)) == {
        "test_what_was_acknowledged_cannot_be_extended_or_released_ever_again",
        "test_an_old_receipt_extends_nothing",
        "test_results_come_in_the_order_of_the_entries",
        "test_a_batch_of_old_and_new_receipts_settles_the_new_ones_only",
        STANDARD,
        FIFO,
    }


def test_a_publisher_that_swallows_a_failed_entry_is_caught() -> None:
    assert failing(OfPublishers(), functools.partial(in_memory, publisher=SwallowsRefusals)) == {
        "test_what_is_refused_in_a_batch_is_reported_and_what_is_reported_as_sent_is_there",
        "test_nothing_of_a_group_is_published_after_one_of_it_was_refused",
    }


def test_a_queue_that_forgets_fifo_order_is_caught() -> None:
    world = functools.partial(in_memory, make_queue=ForgetsOrder)
    found = failing(OfConsumers(), world)
    assert found >= {
        "test_a_group_is_locked_while_one_of_it_is_in_flight",
        "test_a_message_released_with_a_delay_keeps_its_group_locked",
    }
    assert STANDARD not in found
    assert fails(OfBrokenConsumers(), FIFO, world)


def test_what_is_not_possible_is_skipped_with_the_reason() -> None:
    class Poor(PublisherContract):
        features = attrs.evolve(FEATURES, ordered=False, lacks={"test_publishing_none_is_no_mistake": "it is one here"})

    with pytest.raises(pytest.skip.Exception, match=r"^the features say ordered=False$"):
        Poor().test_many_are_published_in_order(world=in_memory)
    with pytest.raises(pytest.skip.Exception, match=r"^it is one here$"):
        Poor().test_publishing_none_is_no_mistake(world=in_memory)
