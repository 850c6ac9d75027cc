"""A clock that is wrong: set by the server's, once, and only where that explains a refusal."""

import json
import time
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import exceptions as sdk
from lean_fakes import answered, lean

from loafer.adapters.aws.lean import transport as module
from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.lean.transport import LeanTransport

NOW = 1_700_000_000.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """This machine's clock: `now.time` may be set."""
    clock = SimpleNamespace(seconds=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.seconds))
    return clock


def time_of_day(seconds: float) -> str:
    return time.strftime("%H%M%S", time.gmtime(seconds))


def skewed(seconds: float, code: str = "InvalidSignatureException", **headers: str) -> Answer:
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": "expired"}).encode()
    return answered(body, 400, **(headers or {"Date": formatdate(NOW + seconds, usegmt=True)}))


@pytest.mark.parametrize("seconds", [-3600, -240, 240, 86_400])
async def test_a_clock_that_is_wrong_is_set_by_the_servers_once_and_for_all(seconds: int, now: SimpleNamespace) -> None:
    transport, http = lean(skewed(seconds), answered(b"{}"))
    await transport.call("receive_message", {})
    now.seconds += 10
    await transport.call("receive_message", {})
    right = NOW + seconds
    assert http.dates == [time_of_day(NOW), time_of_day(right), time_of_day(right + 10)]


@pytest.mark.parametrize(
    "refusal",
    [
        skewed(0),
        skewed(239),
        skewed(-239),
        skewed(3600, "AccessDeniedException"),
        skewed(3600, Server="none"),
        skewed(3600, Date="yesterday"),
        skewed(3600, Date="Fri, 99 Foo 2023 99:99:99 GMT"),
        skewed(3600, Date="Tue, 14 Nov 2023 22:13:20 +99999999999999"),
        skewed(3600, Date="Fri, 31 Dec 9999 23:59:59 GMT"),
        skewed(3600, Date="Mon, 01 Jan 0001 00:00:00 GMT"),
        skewed(86_401),
        skewed(-86_401),
    ],
    ids=[
        *("right", "fast", "slow", "denied", "no date", "words", "no such day", "no such zone"),
        *("9999", "0001", "tomorrow", "yesterday"),
    ],
)
async def test_a_refusal_that_the_clock_does_not_explain_is_not_repeated(refusal: Answer, now: SimpleNamespace) -> None:
    transport, http = lean(refusal)
    with pytest.raises(sdk.ClientError):
        await transport.call("receive_message", {})
    assert len(http.requests) == 1


async def test_a_request_that_is_refused_with_the_servers_time_too_is_not_repeated_again(now: SimpleNamespace) -> None:
    transport, http = lean(skewed(3600), skewed(3600), skewed(-3600))
    with pytest.raises(sdk.ClientError, match="InvalidSignatureException"):
        await transport.call("receive_message", {})
    assert len(http.requests) == 2


async def test_a_date_of_another_day_is_not_believed_and_told_once(
    now: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    transport, http = lean(skewed(3600), answered(b"{}"), skewed(0, Date="Fri, 31 Dec 9999 23:59:59 GMT"))
    await transport.call("receive_message", {})
    for _ in range(3):
        with pytest.raises(sdk.ClientError):
            await transport.call("receive_message", {})
    assert http.dates[1:] == [time_of_day(NOW + 3600)] * 4
    [line] = caplog.messages
    assert "says that this clock is wrong by 699" in line


async def test_a_date_without_a_zone_is_in_gmt(now: SimpleNamespace) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S", time.gmtime(NOW + 3600))
    transport, http = lean(skewed(0, Date=date), answered(b"{}"))
    await transport.call("receive_message", {})
    assert http.dates[1] == time_of_day(NOW + 3600)


async def test_requests_that_are_refused_at_the_same_time_are_all_repeated(now: SimpleNamespace) -> None:
    transport, http = lean(skewed(3600), answered(b"{}"), skewed(3600), answered(b"{}"))
    credentials, transport.credentials = transport.credentials, other_call_first(transport)
    await transport.call("receive_message", {})
    assert len(http.requests) == 4
    assert credentials is not transport.credentials


def other_call_first(transport: LeanTransport) -> Any:
    """Return credentials that, when first asked for, let another call be made before this one goes on."""
    credentials = transport.credentials
    calls: list[str] = []

    async def found() -> Any:
        if not calls:
            calls.append("other")
            await transport.call("receive_message", {})
        return await credentials()

    return found


async def test_a_clock_that_was_set_right_in_the_meantime_is_followed(now: SimpleNamespace) -> None:
    transport, http = lean(skewed(3600), answered(b"{}"), skewed(3600), answered(b"{}"))
    await transport.call("receive_message", {})
    now.seconds = NOW + 3600  # by ntpd, and the server's date is still that
    await transport.call("receive_message", {})
    assert http.dates == [time_of_day(NOW + seconds) for seconds in (0, 3600, 7200, 3600)]
