"""What a dead letter says of why it is one, where loafer has moved it."""

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from test_dead_letter_after import NEVER, letters_of, with_letters
from world import Faults, World

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.failures import place_of
from loafer.application.letters.reasons import reason_of
from loafer.application.options import Options
from loafer.domain.failure import FOLDED, NAMES, Reason, fingerprint_of
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import HandlerTimeout, InvalidContent

TWICE = Options(retry_delay=Retry(delay=1, dead_letter_after=2))
EXPLAINED = Options(retry_delay=Retry(delay=1), explain_dead_letters=True)


def inner(content: object) -> None:
    json.loads("no JSON, and the text of the error quotes none of it")


async def fail(content: object) -> None:
    inner(content)


def reason_on(source: MemoryQueue) -> Reason | None:
    assert source.dead_letters is not None
    [letter] = source.dead_letters.messages.values()
    return reason_of(letter.attributes)


@pytest.mark.parametrize(
    ("name", "options", "count"), [("orders", TWICE, 9), ("orders.fifo", TWICE, 9), ("orders.fifo", Options(), 2)]
)
async def test_where_loafer_gives_a_message_up_its_copy_says_why(name: str, options: Options, count: int) -> None:
    source = with_letters("bad", name=name, count=count, visibility_timeout=2)
    [message_id] = source.messages
    await World(source, fail, options).run_for(20)
    reason = reason_on(source)
    assert reason is not None
    line = inner.__code__.co_firstlineno + 1
    assert reason.place == f"test_dead_letter_reasons:inner:{line}"
    assert (reason.error, reason.attempts, reason.source) == ("JSONDecodeError", 2, name)
    assert (reason.message_id, reason.fingerprint) == (message_id, fingerprint_of(reason.error, reason.place))
    assert reason.failed_at > 0


async def test_a_standard_queue_moves_without_a_word_unless_loafer_is_asked_to_say_one() -> None:
    silent = with_letters("bad", count=2)
    await World(silent, fail, Options(retry_delay=Retry(delay=1))).run_for(10)
    assert reason_on(silent) is None
    source = with_letters("bad", "good", count=2)
    world = await World(source, fail, EXPLAINED).run_for(10)
    assert [delivery.message.attempt for delivery in world.deliveries] == [1, 1, 2, 2]
    assert sorted(letters_of(source)) == ["bad", "good"]
    assert world.dispatcher.counts["dead_lettered"] == 2
    assert source.dead_letters is not None
    letters = source.dead_letters.messages.values()
    assert {reason and reason.attempts for reason in map(reason_of, (x.attributes for x in letters))} == {2}


async def test_what_may_not_be_moved_is_left_to_the_queue() -> None:
    source = with_letters("bad", count=2)
    await World(source, fail, EXPLAINED, faults=Faults(dead_lettering=[NEVER] * 9)).run_for(60)
    assert letters_of(source) == ["bad"]
    assert reason_on(source) is None


async def test_what_the_dead_letter_queue_does_not_take_with_a_reason_goes_without_one() -> None:
    source = with_letters("bad")
    world = await World(source, fail, TWICE, faults=Faults(dead_lettering=[NEVER])).run_for(10)
    assert (letters_of(source), reason_on(source)) == (["bad"], None)
    assert world.faults.calls.count(("dead_letter", 1)) == 2


@pytest.mark.parametrize(("own", "names"), [(3, set(NAMES)), (9, {FOLDED}), (10, set())])
async def test_it_finds_room_beside_the_messages_own_attributes_and_else_the_log_says_so(
    own: int, names: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters()
    attributes = {f"own-{number}": Attribute(str(number)) for number in range(own)}
    source.send(OutgoingMessage("bad", attributes))
    await World(source, fail, TWICE).run_for(10)
    assert source.dead_letters is not None
    [letter] = source.dead_letters.messages.values()
    assert set(letter.attributes) == names | set(attributes)
    assert ("have no room for the reason" in caplog.text) is not bool(names)


def raised(call: Callable[[], Any]) -> BaseException:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - any will do
        return error
    raise AssertionError


class Odd(Exception):
    __traceback__ = property(lambda _: 1 / 0)


def test_an_error_without_a_place_in_anybodys_code_has_none() -> None:
    assert place_of(HandlerTimeout("it took longer")) == ""
    assert place_of(Odd()) == ""
    assert place_of(InvalidContent("$.lines[1].amount")) == "(content) $.lines[1].amount"


def test_the_place_is_in_the_handlers_package_whatever_it_calls() -> None:
    assert place_of(raised(lambda: attrs.evolve(5))).startswith("test_dead_letter_reasons:<lambda>:")  # type: ignore[misc]


def called_through(*modules: str) -> BaseException:
    """Return an error that a function of the last module raised, called by those of the modules before it."""
    call: Any = {}.__getitem__
    for module in reversed(modules):
        names: dict[str, Any] = {"__name__": module, "call": call}
        exec("def work(key):\n    return call(key)", names)  # as if it were in that module
        call = names["work"]
    error = raised(lambda: call("missing"))
    assert error.__traceback__ is not None
    inner = error.__traceback__.tb_next
    return error.with_traceback(None if inner is None else inner.tb_next)


@pytest.mark.parametrize(
    ("modules", "place"),
    [
        (("shop.orders", "shop.prices", "requests.api"), "shop.prices:work:2"),
        (("shop", "shopping", "json.decoder"), "shop:work:2"),
        (("asyncio.tasks", "loafer.application.delivery", "shop.orders"), "shop.orders:work:2"),
        (("loafer.application.delivery", "loafer.example.orders"), "loafer.example.orders:work:2"),
        (("asyncio.tasks", "__main__", "json.decoder"), "__main__:work:2"),
        (("asyncio.tasks", "loafer.application.delivery"), ""),
    ],
)
def test_the_place_is_the_innermost_of_the_users_first_package(modules: tuple[str, ...], place: str) -> None:
    assert place_of(called_through(*modules)) == place


def test_items_of_a_list_fail_in_one_way() -> None:
    paths = [f"(content) $.lines[{number}].amount" for number in (1, 22)]
    assert len({fingerprint_of("InvalidContent", path) for path in paths}) == 1
