"""The contracts, on SQS's protocol as two emulators speak it, and in real time."""

from functools import partial

import attrs
import pytest
from aws_world import FEATURES, on_restartable_sqs, on_sqs

from loafer.testing.contracts import ConsumerContract, ModelContract, PublisherContract, Worlds

SCHEDULES = "test_a_standard_queue_does_what_the_model_allows", "test_a_fifo_queue_does_what_the_model_allows"

MINISTACK = attrs.evolve(
    FEATURES,
    lacks={
        "test_acknowledging_again_succeeds": "ministack refuses the receipt of a deleted message, SQS does not",
        **dict.fromkeys(SCHEDULES, "random schedules take long in real time: TestMinistackSchedules runs them"),
    },
)


@pytest.fixture
def world(ministack_url: str, aws_environ: pytest.MonkeyPatch) -> Worlds:
    """Ministack, in the classes that do not say otherwise."""
    return partial(on_restartable_sqs, ministack_url, aws_environ)


class TestMinistackConsumer(ConsumerContract):
    features = MINISTACK


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestMinistackSchedules(ModelContract):
    features = attrs.evolve(FEATURES, examples=6, steps=15)


class TestMinistackPublisher(PublisherContract):
    features = attrs.evolve(
        FEATURES,
        lacks=dict.fromkeys(
            (
                "test_many_large_messages_go_out_in_as_many_requests_as_they_need",
                "test_the_largest_message_is_published_and_a_larger_one_is_a_publisher_error",
            ),
            "ministack takes 262,144 bytes, SQS 1 MiB",
        ),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("sdk_transport")
class TestConsumerOnTheSDK(TestMinistackConsumer):
    pass


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("sdk_transport")
class TestSchedulesOnTheSDK(ModelContract):
    features = attrs.evolve(FEATURES, examples=2, steps=10)


@pytest.mark.slow
@pytest.mark.usefixtures("sdk_transport")
class TestPublisherOnTheSDK(TestMinistackPublisher):
    pass


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestMotoConsumer(ConsumerContract):
    features = attrs.evolve(
        FEATURES,
        refuses_old_receipts=False,
        lacks={
            SCHEDULES[1]: "of a group whose leases have ended together, moto brings the last message first",
            "test_a_queue_that_deduplicates_within_groups_loses_nothing_of_equal_deduplication_ids": (
                "moto knows the attribute DeduplicationScope, and deduplicates within the queue all the same"
            ),
            "test_concurrent_consumers_share_the_messages_and_none_is_received_twice": (
                "moto looks whether a message is visible and hides it without a lock: two receives may both get it"
            ),
        },
    )

    @pytest.fixture
    def world(self, moto_url: str, aws_environ: pytest.MonkeyPatch) -> Worlds:
        return partial(on_restartable_sqs, moto_url, aws_environ)


@pytest.mark.usefixtures("sdk_transport")
class TestMotoConsumerOnTheSDK(TestMotoConsumer):
    features = attrs.evolve(
        TestMotoConsumer.features,
        lacks={
            **TestMotoConsumer.features.lacks,
            **dict.fromkeys(SCHEDULES, "random schedules take long in real time: TestMotoConsumer runs them"),
        },
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of aiohttp, from 1 MiB on
class TestMotoPublisher(PublisherContract):
    features = FEATURES

    @pytest.fixture
    def world(self, on_moto: str) -> Worlds:
        return on_sqs


@pytest.mark.usefixtures("sdk_transport")
class TestMotoPublisherOnTheSDK(TestMotoPublisher):
    pass
