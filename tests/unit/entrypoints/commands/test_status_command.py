import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from loafer.application.status import Handling, RouteStatus, Status
from loafer.entrypoints.commands.status import NONE_FOUND, exit_status, lines_of, show_status
from loafer.entrypoints.worker.document import document_of
from loafer.entrypoints.worker.status_place import started

ROUTE = RouteStatus(
    name="orders",
    source="orders",
    jobs=7,
    limit=10,
    held=9,
    waiting=2,
    oldest=Handling(id="9f8c", attempt=3, seconds=41.0, lease_left=12.0),
    last_receive=0.8,
    overdue=None,
    trouble=None,
    trouble_for=0.0,
    paused=False,
    counts={"succeeded": 81204, "failed": 200, "untranslated": 12, "rejected": 9},
    causes={"failed": 212, "timeout": 1},
    p50=0.012,
    p99=0.24,
)
STATUS = Status(pid=41, up=11530.0, latency=0.002, heartbeat=0.4, routes=(ROUTE,))


def shown(status: Status, silent: float = 0.0) -> list[str]:
    return list(lines_of({**document_of(status, 30), "silent": silent}))


def test_a_worker_is_shown_in_a_line_and_each_route_in_three() -> None:
    assert shown(STATUS) == [
        "worker 41   up 3h12m   READY   busy   loop 2 ms   heartbeat 0.4 s ago",
        "route orders   jobs 7/10   held 9   oldest 41 s (9f8c attempt 3)   last receive 0.8 s ago   trouble none",
        "  done 81 204   failed 212   rejected 9   leases lost 0   stale 0   p50 12 ms   p99 240 ms",
        "  comes back: failed 212   timeout 1",
    ]


def test_ages_are_those_of_now_and_not_of_when_they_were_written() -> None:
    lines = shown(STATUS, 4.0)
    assert "heartbeat 4.4 s ago" in lines[0]
    assert "oldest 45 s" in lines[1]
    assert "last receive 4.8 s ago" in lines[1]


def test_why_a_worker_is_not_ready_is_shown() -> None:
    route = attrs.evolve(ROUTE, trouble="source 'orders': down", trouble_for=90.0, p50=None, oldest=None, causes={})
    lines = shown(attrs.evolve(STATUS, up=61.0, routes=(route,)))
    assert lines[0].startswith("worker 41   up 1m01s   NOT READY   in trouble   ")
    assert lines[1] == "  ! route orders: in trouble for 90 s: source 'orders': down"


def test_why_a_worker_is_not_alive_is_shown() -> None:
    lines = shown(attrs.evolve(STATUS, blocked=40.0))
    assert "NOT ALIVE   wedged   loop blocked for 40 s" in lines[0]
    assert lines[1] == "  ! the event loop has not answered for 40.0 s: something blocks it"


def told(files: list[Path]) -> tuple[int, str]:
    said: list[str] = []
    status = show_status([str(file) for file in files], as_json=False, echo=said.append)
    return status, "\n".join(said)


def write(path: Path, **changes: Any) -> Path:
    now = attrs.evolve(STATUS, pid=os.getpid(), at=time.time())
    document = document_of(now, 30, "", started(os.getpid()))
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_the_exit_status_says_whether_all_are_ready(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "1.json"), write(tmp_path / "2.json", ready=False)
    assert [told([good])[0], told([good, bad])[0], told([tmp_path / "3.json"])[0]] == [0, 1, 3]
    assert told([tmp_path / "3.json"])[1].startswith("no worker found")
    assert exit_status([]) == 3


def test_a_worker_that_has_gone_is_not_found(tmp_path: Path) -> None:
    assert told([write(tmp_path / "1.json", started=1)])[0] == 3


def test_a_worker_that_says_nothing_more_is_wedged(tmp_path: Path) -> None:
    status, text = told([write(tmp_path / "1.json", at=time.time() - 60)])
    assert status == 1
    assert "NOT ALIVE   wedged" in text
    assert "it has said nothing for 60 s" in text


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00"])
def test_a_file_that_is_no_status_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.json").write_text(text)
    assert told([tmp_path / "1.json"])[0] == 3


def test_of_a_file_in_which_no_worker_is_found_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("{}")
    os.mkfifo(tmp_path / "pipe")
    status, text = told([tmp_path / name for name in ("none", "text", "pipe")])
    assert status == NONE_FOUND
    assert [line.partition(f"{tmp_path}/")[2] for line in text.splitlines()] == [
        "none: No such file or directory",
        "text: it is no status file, or its worker has ended",
        "pipe: it is no file of a worker of this user",
    ]


def test_the_environment_names_the_files_of_several_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAFER_STATUS_FILE", str(tmp_path / "status.json"))
    write(tmp_path / "status-1.json")
    write(tmp_path / "status-2.json")
    assert told([])[1].count("READY") == 2


def test_as_json_it_is_all_that_is_known(tmp_path: Path) -> None:
    said: list[str] = []
    show_status([str(write(tmp_path / "1.json"))], as_json=True, echo=said.append)
    [worker] = json.loads(said[0])["workers"]
    assert worker["routes"][0]["counts"]["succeeded"] == 81204
    assert worker["ready"] is True


def test_the_command_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom loafer.entrypoints.cli import cli\n"
        "try:\n    cli(['status'])\nexcept SystemExit: pass\n"
        "print(sorted({'asyncio', 'botocore', 'aiobotocore', 'loafer.application.dispatcher'} & sys.modules.keys()))"
    )
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_where_being_alive_is_enough_a_worker_that_is_not_ready_is_fine() -> None:
    waiting = {"alive": True, "ready": False}
    assert exit_status([waiting]) == 1
    assert exit_status([waiting], alive=True) == 0
    assert exit_status([waiting, {"alive": False, "ready": False}], alive=True) == 1


HOSTILE = [
    b"[" * 200_000,
    b"{}",
    b"[]",
    b"\xff",
    b'{"pid": %d, "started": null}' % 10**40,
    b'{"pid": -1, "started": null, "at": 0}',
    b'{"pid": PID, "started": null, "at": "x"}',
    b'{"pid": PID, "started": null, "at": 1e999}',
    b'{"pid": PID, "started": null, "at": 0}',
    b'{"pid": PID, "started": null, "at": 0, "ready": true, "alive": true, "routes": [{"name": 1}]}',
    b'{"pid": "1/../self", "started": null, "at": 0}',
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_status_is_no_worker_and_no_traceback(tmp_path: Path, text: bytes, as_json: bool) -> None:
    file = tmp_path / "1.json"
    file.write_bytes(text.replace(b"PID", str(os.getpid()).encode()))
    lines: list[object] = []
    assert show_status([str(file)], as_json=as_json, echo=lines.append) == NONE_FOUND


@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_what_is_no_file_of_a_worker_is_not_read(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "1.json"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        with file.open("wb") as sparse:
            sparse.truncate(1 << 34)
    assert show_status([str(file)], as_json=False, echo=lambda _: None) == NONE_FOUND


def test_what_a_terminal_would_obey_is_shown_escaped(tmp_path: Path) -> None:
    route = attrs.evolve(ROUTE, name="a\x1b[2Jb", trouble="down\n  forged")
    status = attrs.evolve(STATUS, pid=os.getpid(), routes=(route,), at=time.time())
    file = tmp_path / "1.json"
    file.write_text(json.dumps(document_of(status, 30, started=started(os.getpid()))))
    lines: list[str] = []
    show_status([str(file)], as_json=False, echo=lambda line: lines.append(str(line)))
    shown = lines[-1]
    assert "\x1b" not in shown
    assert "a\\x1b[2Jb" in shown
    assert "down\\n  forged" in shown
