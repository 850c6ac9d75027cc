"""`loafer dlq try`, on an endpoint that is as strict as SQS."""

import json
import sys
from pathlib import Path

import pytest
from dlq_letters import Dlq, bodies, dead_letters, untouched
from strict.strict_control import StrictEndpoint

SHOP = """
from loafer import Loafer, RejectMessage

app = Loafer()
receipts = app.publisher("receipts", dict)


@app.route("orders")
async def handle(content: dict) -> None:
    if content["n"] % 3 == 0:
        raise TimeoutError("the text of it is nobody's business")
    if content["n"] == 1:
        raise RejectMessage
    await receipts.publish(content)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "dlq_shop.py").write_text(SHOP)
    (tmp_path / "dlq_jobs.py").write_text("def handle(content):\n    if content['n'] > 3:\n        raise KeyError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("dlq_shop", "dlq_jobs"):
        sys.modules.pop(name, None)
    return "dlq_shop:app"


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_todays_code_is_tried_on_a_snapshot_and_what_passes_can_be_redriven(
    strict: StrictEndpoint, dlq: Dlq, shop: str, tmp_path: Path, suffix: str
) -> None:
    queue, dead = dead_letters(strict, 9, suffix)
    if suffix:
        (tmp_path / "dlq_shop.py").write_text(SHOP.replace('"orders"', '"orders.fifo"'))
    dlq("stats", dead)
    calls = strict.calls("ReceiveMessage")
    result = dlq("try", dead, "--app", shop, "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "6 would succeed · 3 still TimeoutError",
        f"next: loafer dlq redrive {dead} --where 'tried.ok'",
    ]
    assert (strict.calls("ReceiveMessage"), untouched(strict, dead, 9), bodies(strict, queue)) == (calls, True, [])
    assert "tried: 6 would succeed · 3 still TimeoutError" in dlq("stats", dead).stdout
    assert "nobody's business" not in next((tmp_path / "state" / "loafer").glob("*.snapshot")).read_text()
    arguments = ["redrive", dead, "--where", 'tried.ok or tried.error == "TimeoutError"', "--yes"]
    if not suffix:
        arguments[3] = "tried.ok"
    assert dlq(*arguments).exit_code == 0
    assert sorted(bodies(strict, queue)) == ([1, 2, 4, 5, 7, 8] if not suffix else list(range(9)))


def test_a_handler_alone_is_tried_too_and_told_as_json(strict: StrictEndpoint, dlq: Dlq, shop: str) -> None:
    _, dead = dead_letters(strict, 9)
    told = json.loads(dlq("try", dead, "--handler", "dlq_jobs.handle", "--yes", "--json").stdout)
    assert (told["would_succeed"], told["still"], told["complete"]) == (4, {"KeyError": 5}, True)


def test_messages_of_queues_that_the_application_does_not_know_are_not_tried(
    strict: StrictEndpoint, dlq: Dlq, shop: str, tmp_path: Path
) -> None:
    _, dead = dead_letters(strict, 3)
    text = SHOP.replace('@app.route("orders")', '@app.route("mails")\n@app.route("news")')
    (tmp_path / "dlq_shop.py").write_text(text)
    result = dlq("try", dead, "--app", shop, "--yes")
    assert (result.exit_code, "3 of queues that the application does not receive from" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what is to be tried: --app MODULE:APP, or --handler NAME"),
        (("--app", "dlq_shop:app", "--handler", "x.y", "--yes"), "say what is to be tried"),
        (("--app", "dlq_shop:nope", "--yes"), "there is no 'nope' in dlq_shop"),
        (("--handler", "dlq_jobs.nope", "--yes"), "there is no 'nope' in dlq_jobs"),
        (("--app", "dlq_shop:app"), "nobody can be asked here: --yes agrees"),
    ],
)
def test_nothing_is_tried_of_what_is_not_there_or_nobody_agreed_to(
    strict: StrictEndpoint, dlq: Dlq, shop: str, arguments: tuple[str, ...], said: str
) -> None:
    _, dead = dead_letters(strict, 2)
    result = dlq("try", dead, *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


HOSTILE = """
import sys

class Evil(Exception):
    pass

Evil.__name__ = "Evil\\x1b[31m\\n"


def handle(content):
    print("noise", content)
    if content["n"] == 1:
        raise Evil
    if content["n"] == 2:
        sys.exit(7)
"""


def test_what_the_code_prints_raises_or_ends_spoils_no_result(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dlq_hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("dlq_hostile", None)
    _, dead = dead_letters(strict, 2)
    dlq("stats", dead)
    result = dlq("try", dead, "--handler", "dlq_hostile.handle", "--yes", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["would_succeed"], told["still"]) == (0, 1, {"Evil\\x1b[31m\\n": 1})
    assert "noise" in result.stderr
    strict.fill(dead, [{"n": 2}])
    dlq("stats", dead)
    result = dlq("try", dead, "--handler", "dlq_hostile.handle", "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["complete"]) == (3, False)
    assert "stopped: the code raised SystemExit, which ends a worker" in result.stderr
