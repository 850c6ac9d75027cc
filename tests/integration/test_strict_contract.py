"""The contracts, on an endpoint that is as strict as SQS where the emulators are not, and in real time."""

from functools import partial

import attrs
import pytest
from aws_world import FEATURES, on_restartable_sqs, on_sqs
from strict.strict_control import StrictEndpoint
from test_sqs_contract import SCHEDULES

from loafer.testing.contracts import ConsumerContract, ModelContract, PublisherContract, Worlds

pytestmark = pytest.mark.slow


class TestStrictConsumer(ConsumerContract):
    features = attrs.evolve(
        FEATURES,
        refuses_ended_leases=True,
        lacks=dict.fromkeys(SCHEDULES, "random schedules take long in real time: TestStrictSchedules runs them"),
    )

    @pytest.fixture
    def world(self, strict: StrictEndpoint, aws_environ: pytest.MonkeyPatch) -> Worlds:
        return partial(on_restartable_sqs, strict.url, aws_environ)


@pytest.mark.timeout(600)
class TestStrictSchedules(ModelContract):
    features = attrs.evolve(TestStrictConsumer.features, lacks={}, examples=6, steps=15)

    @pytest.fixture
    def world(self, strict: StrictEndpoint) -> Worlds:
        return on_sqs


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of aiohttp, from 1 MiB on
class TestStrictPublisher(PublisherContract):
    features = FEATURES

    @pytest.fixture
    def world(self, strict: StrictEndpoint) -> Worlds:
        return on_sqs
