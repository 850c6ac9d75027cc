"""The inspector's contract, on SQS's protocol as an endpoint that is strict and two emulators speak it."""

import attrs
import pytest
from aws_world import FEATURES, on_sqs
from strict.strict_control import StrictEndpoint

from loafer.testing.contracts import InspectorContract, Worlds

MOVES = (
    "test_nothing_is_lost_by_a_move_that_dies_anywhere_and_doubled_only_where_nobody_can_know",
    "test_a_purge_that_dies_anywhere_loses_nothing_that_was_not_kept_before",
    "test_on_a_fifo_queue_a_move_that_dies_and_goes_on_within_five_minutes_doubles_nothing_and_keeps_the_order",
)
STAYS = "test_what_is_looked_at_stays_hidden_for_as_long_as_that_takes"
QUICK = attrs.evolve(
    FEATURES,
    lacks={
        **dict.fromkeys(MOVES, "what died holds messages for its time, which is real here: TestStrictMoves runs them"),
        STAYS: "it takes its time: TestStrictMoves runs it",
    },
)
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of aiohttp, from 1 MiB on


class TestStrictInspector(InspectorContract):
    features = QUICK

    @pytest.fixture
    def world(self, strict: StrictEndpoint) -> Worlds:
        return on_sqs


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestStrictMoves(InspectorContract):
    features = attrs.evolve(FEATURES, examples=3)

    @pytest.fixture
    def world(self, strict: StrictEndpoint) -> Worlds:
        return on_sqs


class TestMinistackInspector(InspectorContract):
    features = attrs.evolve(
        QUICK,
        lacks={
            **QUICK.lacks,
            "test_a_dead_letter_queue_tells_which_queues_are_its_sources": "ministack does not know the call",
        },
    )

    @pytest.fixture
    def world(self, on_ministack: str) -> Worlds:
        return on_sqs


@pytest.mark.slow
class TestMotoInspector(InspectorContract):
    features = QUICK

    @pytest.fixture
    def world(self, on_moto: str) -> Worlds:
        return on_sqs
