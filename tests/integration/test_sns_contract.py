"""The publisher's contract, through an SNS topic to a subscribed queue: raw, and in the topic's envelope."""

from functools import partial

import attrs
import pytest
from aws_world import FEATURES, on_sns

from loafer.testing.contracts import PublisherContract, Worlds

THROUGH_A_TOPIC = attrs.evolve(FEATURES, same_id=False, max_delay=0, max_bytes=262_144)


class InEnvelopes(PublisherContract):
    features = THROUGH_A_TOPIC

    @pytest.fixture
    def world(self) -> Worlds:
        return partial(on_sns, raw=False)


class Raw(PublisherContract):
    features = THROUGH_A_TOPIC

    @pytest.fixture
    def world(self) -> Worlds:
        return partial(on_sns, raw=True)


@pytest.mark.usefixtures("on_ministack")
class TestMinistackEnvelopes(InEnvelopes):
    features = attrs.evolve(
        THROUGH_A_TOPIC,
        lacks={"test_a_message_is_published_as_it_is": "ministack leaves binary attributes out of the envelope"},
    )


@pytest.mark.usefixtures("on_ministack")
class TestMinistackRaw(Raw):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("sdk_transport")
class TestRawOnTheSDK(TestMinistackRaw):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("on_moto")
class TestMotoEnvelopes(InEnvelopes):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("sdk_transport")
class TestMotoEnvelopesOnTheSDK(TestMotoEnvelopes):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("on_moto")
class TestMotoRaw(Raw):
    features = attrs.evolve(
        THROUGH_A_TOPIC,
        lacks={"test_a_message_is_published_as_it_is": "moto cannot receive a binary attribute that was delivered raw"},
    )


@pytest.mark.slow
@pytest.mark.usefixtures("sdk_transport")
class TestMotoRawOnTheSDK(TestMotoRaw):
    pass
