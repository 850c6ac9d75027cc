"""The screen of `loafer top`, driven by textual's pilot, on workers that are made up."""

import asyncio
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from textual.pilot import Pilot
from textual.widgets import Static
from workers import LOAFER, Worker, wait_until

from loafer.entrypoints.commands import top_screen
from loafer.entrypoints.commands.board import Look
from loafer.entrypoints.commands.looking import change, look_at, stack_of
from loafer.entrypoints.commands.top_screen import Top
from loafer.entrypoints.commands.top_table import Table

pytestmark = pytest.mark.slow


def route(name: str, done: int = 0, **changes: Any) -> dict[str, Any]:
    made = {"name": name, "source": name, "jobs": 1, "limit": 10, "held": 2, "waiting": 1, "oldest": {"seconds": 41.0}}
    made |= {"last_receive": 0.8, "trouble": None, "paused": False, "p50": 0.012, "p99": 0.24}
    return {**made, "counts": {"succeeded": done}, "calls": {"receive": done}, "causes": {}, **changes}


def worker(pid: int, at: float, *routes: dict[str, Any], **changes: Any) -> Look:
    made = {
        "pid": pid,
        "started": 1,
        "worker": "",
        "at": at,
        "up": 100.0,
        "state": "busy",
        "alive": True,
        "ready": True,
    }
    made |= {"not_alive": [], "not_ready": [], "blocked": 0.0, "latency": 0.002, "heartbeat": 0.4, "routes": routes}
    held = (
        [{"id": f"m-{pid}", "route": routes[0]["name"], "what": "runs", "handled": 41.0, "age": 42.0}] if routes else []
    )
    held += [{"id": f"[red]w-{pid}", "route": "orders", "what": "waits", "handled": None, "age": 2.0}] if routes else []
    held = [{**each, "attempt": 3, "lease_left": 22.1} for each in held]
    return Look(Path(f"/run/{pid}.json"), {**made, **changes}, held)


class Machine:
    """Workers that come and go, each with a look a second."""

    def __init__(self, *pids: int) -> None:
        self.pids, self.at, self.changes = list(pids), 0, dict[str, Any]()

    def look(self) -> Sequence[Look]:
        self.at += 1
        routes = [route("orders", 50 * self.at), route("clicks", 10 * self.at)]
        return [worker(pid, float(self.at), *routes, **self.changes) for pid in self.pids]


def text_of(top: Top, name: str) -> str:
    return str(top.screen.query_one(name, Static).render())


def rows(top: Top, name: str) -> list[list[str]]:
    table = top.screen_stack[0].query_one(name, Table)
    return [[cell.plain.strip() for cell in table.get_row_at(row)] for row in range(table.row_count)]


async def until(pilot: Pilot[Any], holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await pilot.pause(0.02)


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 10)])
async def test_workers_routes_and_held_messages_are_shown(size: tuple[int, int]) -> None:
    machine = Machine(41, 42)
    top = Top(machine.look, every=0.01)
    async with top.run_test(size=size) as pilot:
        await until(pilot, lambda: machine.at > 5 and len(rows(top, "#held")) == 4)
        await until(pilot, lambda: "120 done/s" in text_of(top, "#head"))
        assert text_of(top, "#head").startswith("loafer top   2 workers   2 routes   120 done/s   ")
        assert [row[0] for row in rows(top, "#workers")] == ["all", "41", "42"]
        assert rows(top, "#workers")[1][1] == "READY busy"
        clicks, orders = rows(top, "#routes")
        assert (clicks[0], orders[0]) == ("clicks", "orders")
        assert orders[2:6] == ["100", "2/20", "4", "41 s"]
        assert set(orders[1]) == {"█"}
        assert rows(top, "#held")[0][:4] == ["m-41", "orders", "41", "runs 41 s"]
        assert rows(top, "#held")[2][0] == "[red]w-41"


async def test_where_no_worker_is_that_is_said_and_one_that_comes_is_shown() -> None:
    machine = Machine()
    top = Top(machine.look, every=0.01)
    async with top.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no worker found" in text_of(top, "#why"))
        await pilot.press("p", "enter", "tab", "d")
        machine.pids = [41]
        await until(pilot, lambda: [row[0] for row in rows(top, "#workers")] == ["41"])
        assert not top.screen.query_one("#why").display
        machine.pids = []
        await until(pilot, lambda: "no worker found" in text_of(top, "#why"))


async def test_the_worker_that_is_chosen_is_shown_alone_and_what_is_wrong_with_it() -> None:
    machine = Machine(41, 42)
    machine.changes = {"alive": False, "state": "wedged", "not_alive": ["something \x1bblocks it"]}
    top = Top(machine.look, every=0.01)
    async with top.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(top, "#workers")) == 3)
        assert rows(top, "#workers")[1][1] == "NOT ALIVE wedged"
        top.screen.query_one("#workers").focus()
        await pilot.press("down", "down")
        await until(pilot, lambda: [row[2] for row in rows(top, "#held")] == ["42", "42"])
        await until(pilot, lambda: text_of(top, "#why") == "worker 42: something \\x1bblocks it")


@pytest.mark.parametrize(("answer", "done"), [("y", True), ("n", False), ("escape", False)])
async def test_a_route_is_paused_once_that_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, answer: str, done: bool
) -> None:
    asked: list[tuple[list[int], str, str]] = []

    def change(looks: Sequence[Look], what: str, route: str) -> str:
        asked.append(([look.worker["pid"] for look in looks], what, route))
        return "[it] is done"

    monkeypatch.setattr(top_screen, "change", change)
    machine = Machine(41, 42)
    top = Top(machine.look, every=0.01)
    async with top.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(top, "#routes")) == 2)
        await pilot.press("down", "d")
        await until(pilot, lambda: len(top.screen_stack) == 2)
        assert not asked
        [question, *_] = [str(each.render()) for each in top.screen.query(Static)]
        assert question == "Drain orders in all 2 workers?"
        await pilot.press(answer)
        await until(pilot, lambda: len(top.screen_stack) == 1)
        if done:
            await until(pilot, lambda: bool(asked))
    assert asked == ([([41, 42], "drain", "orders")] if done else [])


async def test_enter_shows_where_a_handler_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_screen, "stack_of", lambda look, id_: f"{look.file} {id_}\n  [b]await lock[/b]")
    machine = Machine(41)
    top = Top(machine.look, every=0.01)
    async with top.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(rows(top, "#held")) == 2)
        top.screen.query_one("#held").focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(top.screen_stack) == 2)
        shown = "\n".join(str(each.render()) for each in top.screen.query(Static))
        assert "/run/41.json m-41\n  [b]await lock[/b]" in shown
        await pilot.press("escape")
        await until(pilot, lambda: len(top.screen_stack) == 1)
        await pilot.press("q")
        await until(pilot, lambda: not top.is_running)


async def test_a_look_that_fails_ends_it_with_that_error() -> None:
    def look() -> Sequence[Look]:
        raise RuntimeError("no look")

    with pytest.raises(Exception, match="no look"):
        await runs_to_its_end(Top(look))


async def runs_to_its_end(top: Top) -> None:
    async with top.run_test(), asyncio.timeout(60):
        while top.is_running:
            await asyncio.sleep(0.02)


async def test_a_real_worker_is_seen_and_changed(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 1)
    setting = tmp_path / "own" / "status.json"
    setting.parent.mkdir(mode=0o700)
    with Worker(
        tmp_path, "orders", "never_ends", ("--grace-period", "0"), {"LOAFER_STATUS_FILE": str(setting)}
    ) as real:
        wait_until(lambda: any(look.held for look in look_at([setting])))
        [look] = look_at([setting])
        assert (look.worker["pid"], look.answers, look.held[0]["what"]) == (real.process.pid, True, "runs")
        assert "await asyncio.Event().wait()" in stack_of(look, look.held[0]["id"])
        assert stack_of(look, "no-such") == "no handler has it any more, or not yet"
        assert change([look], "drain", "default") == "default is drained in 1 worker"
        assert look_at([setting])[0].worker["routes"][0]["paused"]
        assert change([look], "pause", "no-such") == "no worker has no-such any more"
        real.freeze()
        [silent] = look_at([setting])
        assert not silent.answers
        assert change([look], "resume", "default") == f"worker {real.process.pid} did not: timed out"
        real.thaw()
        assert real.stop() == 0


def test_without_a_terminal_it_is_one_line_and_status_2() -> None:
    done = subprocess.run([LOAFER, "top"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2
    assert done.stderr == "loafer: top draws on a terminal, and this is none; use `loafer status`\n"
    assert not done.stdout


def on_a_terminal(*command: str, **environ: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, and return its exit status and what it wrote."""
    here, there = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", **environ}
    process = subprocess.Popen(command, stdin=there, stdout=there, stderr=there, env=environ, close_fds=True)
    os.close(there)
    written = bytearray()

    def read() -> None:
        try:
            while part := os.read(here, 4096):
                written.extend(part)
        except OSError:  # nobody writes any more
            pass

    reader = threading.Thread(target=read)
    reader.start()
    status = process.wait(60)
    reader.join(60)
    os.close(here)
    return status, written.decode()


def test_without_the_extra_it_is_one_line_that_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['textual'] = None; from loafer.entrypoints.cli import main; main()"
    status, written = on_a_terminal(sys.executable, "-c", program, "top")
    assert status == 2
    assert written == "loafer: top draws with textual; pip install 'loafer[top]'\r\n"
