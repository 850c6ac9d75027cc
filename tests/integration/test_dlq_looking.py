"""`loafer dlq stats`, `show` and `dump`, on an endpoint that is as strict as SQS."""

import json
from pathlib import Path

import click.testing
from dlq_letters import Dlq, dead_letters, untouched
from strict.strict_control import StrictEndpoint

from loafer.entrypoints.cli import cli


def test_stats_show_what_is_there_by_kind_and_give_everything_back(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict)
    result = dlq("stats", dead)
    first, second, head, row, last = result.stdout.splitlines()
    assert first == "orders-dead   25 seen of ~25   from: orders"
    assert second.startswith("oldest ")
    assert "FIRST EXPIRES IN 3d 23h" in second
    assert head.split() == ["error", "place", "kind", "sent", "attempts"]
    assert row.split()[:4] == ["12", "KeyError", "shop.orders:charge:41", "e7c1"]
    assert last == "13  no reason recorded: `loafer dlq try orders-dead --app MODULE:APP` finds out"
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "received once more" in result.stderr
    assert untouched(strict, dead)


def test_what_was_seen_once_costs_no_receive_again(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    _, dead = dead_letters(strict)
    dlq("stats", dead)
    calls = strict.calls("ReceiveMessage")
    assert "25 seen of ~25, " in dlq("stats", dead, "--stored").stdout
    told = json.loads(dlq("stats", dead, "--stored", "--json").stdout)
    assert (told["seen"], told["of"], told["from"], told["complete"]) == (25, 25, ["orders"], True)
    assert [group["count"] for group in told["groups"]] == [12, 13]
    dumped = [json.loads(line) for line in dlq("dump", dead, "--stored").stdout.splitlines()]
    assert sorted(json.loads(line["Body"])["n"] for line in dumped) == list(range(25))
    shown = dlq("show", dead, dumped[1]["MessageId"][:12]).stdout
    assert "reason: KeyError at shop.orders:charge:41" in shown
    assert '  "n": 1' in shown
    assert strict.calls("ReceiveMessage") == calls
    [snapshot] = (tmp_path / "state" / "loafer").glob("*.snapshot")
    assert (snapshot.stat().st_mode & 0o777, snapshot.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert dlq("forget", dead).stdout == f"removed {snapshot}\n"
    assert dlq("stats", dead, "--stored").exit_code == 2


def test_a_dump_has_what_the_filter_wants_and_a_new_file_is_its_owners_alone(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path
) -> None:
    _, dead = dead_letters(strict)
    result = dlq("dump", dead, "--where", 'error == "KeyError" and body.n < 6', "--output", "x.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 of 25 written" in result.stderr
    file = tmp_path / "x.jsonl"
    assert sorted(json.loads(json.loads(line)["Body"])["n"] for line in file.read_text().splitlines()) == [1, 3, 5]
    assert file.stat().st_mode & 0o777 == 0o600
    assert dlq("dump", dead, "--output", "x.jsonl").exit_code == 2
    assert untouched(strict, dead)


def test_a_dump_can_be_replayed(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    _, dead = dead_letters(strict, 3)
    dlq("dump", dead, "--output", "x.jsonl")
    (tmp_path / "own_jobs.py").write_text("def handle(content):\n    if content['n'] == 1:\n        raise KeyError\n")
    command = ["replay", str(tmp_path / "x.jsonl"), "--handler", "own_jobs.handle", "--json"]
    result = click.testing.CliRunner().invoke(cli, command)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["outcomes"]) == (1, {"succeeded": 2, "failed": 1})
    assert {message["error"] for message in told["messages"]} == {"", "KeyError:"}
