"""A night with 512 dead letters, on ministack, mended with six commands: the screen in docs/dead-letters.md.

python tests/integration/night.py            prints it
python tests/integration/night.py --write    writes it into the page
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs
from endpoints import CREDENTIALS, OTHER_AWS_NAMES, client, ministack

from loafer.adapters.aws.wire import wire_attributes
from loafer.application.letters.reasons import explained
from loafer.domain.failure import Reason, fingerprint_of
from loafer.domain.message import Message

PAGE = Path(__file__).parents[2] / "docs" / "dead-letters.md"
BEGIN, END = "<!-- the night: written by tests/integration/night.py -->\n", "<!-- the end of the night -->\n"
SHOP = """
import attrs
from loafer import Loafer

app = Loafer()


@attrs.frozen
class Order:
    tenant: str
    total: int
    slow: bool = False


@app.route("orders")
async def charge(order: Order) -> None:
    if order.slow:
        raise TimeoutError
"""
COMMANDS = (
    "loafer dlq stats orders-dlq",
    "loafer dlq try orders-dlq --app shop:app --yes",
    "loafer dlq redrive orders-dlq --where 'tried.ok'",
    "loafer dlq redrive orders-dlq --where 'tried.ok' --yes",
    "loafer dlq purge orders-dlq --where 'error == \"InvalidContent\"' --yes",
    "loafer dlq stats orders-dlq",
)
BUGS, POISON, UNKNOWN = 300, 150, 62


def reason(error: str, place: str) -> Reason:
    at, kind = time.time() - 3 * 3600, fingerprint_of(error, place)
    return Reason(error=error, place=place, fingerprint=kind, attempts=5, source="orders", message_id="x", failed_at=at)


def letters() -> list[tuple[object, Reason | None]]:
    """Return bodies and reasons: of a bug that is mended by now, of poison, and of nobody knows what."""
    bug, poison = reason("KeyError", "shop:charge:41"), reason("InvalidContent", "(content) $.total")
    made: list[tuple[object, Reason | None]] = []
    made += [({"tenant": "ab"[number % 2], "total": number}, bug) for number in range(BUGS)]
    made += [({"tenant": "c", "total": "many"}, poison) for _ in range(POISON)]
    made += [({"tenant": "d", "total": number, "slow": True}, None) for number in range(UNKNOWN)]
    return made


async def fill() -> None:
    """Send them to the dead-letter queue, as a worker has."""
    async with client("sqs") as sqs:
        await sqs.create_queue(QueueName="orders")
        attributes = {"MessageRetentionPeriod": "1209600"}
        url = (await sqs.create_queue(QueueName="orders-dlq", Attributes=attributes))["QueueUrl"]
        entries = []
        for number, (body, why) in enumerate(letters()):
            message = Message(str(number), json.dumps(body), "r")
            if why is not None:
                message = explained(message, why) or message
            own = wire_attributes(message.attributes)
            entries.append({"Id": str(number), "MessageBody": message.body, "MessageAttributes": own})
        for start in range(0, len(entries), 10):
            await sqs.send_message_batch(QueueUrl=url, Entries=entries[start : start + 10])


@attrs.frozen
class Night:
    """A folder with the shop, on an endpoint that has the letters."""

    folder: Path
    url: str

    def environ(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name not in OTHER_AWS_NAMES}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"AWS_ENDPOINT_URL": self.url, "XDG_STATE_HOME": str(self.folder / "state"), "PATH": path}
        return {**known, **CREDENTIALS, **own, "PYTHONPATH": str(Path(__file__).parents[2])}

    def run(self, command: str) -> str:
        """Run one of the commands, and return what it prints; it succeeds."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environ(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def screen(self) -> str:
        (self.folder / "shop.py").write_text(SHOP)
        shown = [f"$ {command}\n{self.run(command)}" for command in COMMANDS]
        return "\n".join(shown).replace(str(self.folder / "state"), "/home/ada/.local/state")


def main() -> None:
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory() as folder, ministack() as url:
        os.environ["AWS_ENDPOINT_URL"] = url
        asyncio.run(fill())
        screen = Night(Path(folder), url).screen()
    print(screen)  # noqa: T201
    if "--write" in sys.argv:
        page = PAGE.read_text(encoding="utf-8")
        block = f"{BEGIN}```console\n{screen}```\n{END}"
        PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: block, page, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
