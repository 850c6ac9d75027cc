"""No command shows a key, a token, a signature or a body: whatever the verbosity, whatever error code comes back.

The endpoint repeats the whole request in each error's message. See echoing.py and impatient_command.py.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest
from echoing import BODY, EchoingEndpoint, Refusal, echoing
from endpoints import CREDENTIALS, OTHER_AWS_NAMES

from loafer.adapters.aws import errors
from loafer.adapters.aws.lean import transport
from loafer.adapters.aws.lean.plain import SDK, SWITCH
from loafer.entrypoints.cli import cli

HERE = Path(__file__).parent
KEY, SECRET = "ASIAQWERTYUIOP123456", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEBYaDHqa0AP+1/abcDEF==" * 9
OF_A_ROLE = (
    "ASIAROLEROLE12345678",
    "roleRoleROLE/1234567890+abcdefghijklmnopq",
    "IQoJb3JpZ2luX2VjEBYaCXVzLWVhc3Q=" * 9,
)
SENT = "the parcel of Grace at TOPSECRET street 7"
WINDOW = 16
"""So many characters of a secret in a row are a part of it that was shown."""

SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignatureException")
SOME = (*SIGNATURE, "AccessDenied", "RequestThrottled", "Unheard", "307", "503")
ALL = sorted(
    {*errors._MISSING, *errors._DENIED, *errors._PASSING, *transport._SKEWED, *SOME}
    | {"AccessDeniedException", "ThrottlingException", "KMS.ThrottlingException", "InvalidParameterValue"}
    | {"301", "302", "308", "400", "403", "404", "429", "500", "502"}
)
WORKER_CALLS = ("GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessageBatch")
SNS_ARN = "arn:aws:sns:eu-west-1:1:news"

HANDLERS = f"""
from botocore.exceptions import ClientError

from loafer import Loafer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import OutgoingMessage

app = Loafer()

@app.route("orders")
async def handles_an_order(order: dict):
    pass

failing = Loafer()

@failing.middleware
async def quotes(context, call_next):
    try:
        await call_next()
    except ClientError as error:
        raise ValueError("it failed") from error

@failing.route("orders")
async def fails_an_order(order: dict):
    await fails("an order")

misfit = Loafer()

@misfit.route("orders")
async def handles_numbers(order: dict[str, int]):
    pass

async def handles(message):
    pass

async def fails(message):
    repeats = {{"Error": {{"Code": "SignatureDoesNotMatch", "Message": "x-amz-security-token:{TOKEN} {{message}}"}}}}
    raise ClientError(repeats, "PutItem")

async def publishes(message):
    publisher = SQSPublisher("orders")
    try:
        await publisher.open()
        await publisher.publish(OutgoingMessage(str(message)))
    finally:
        await publisher.close()
"""


@attrs.frozen
class Case:
    """A command, and which of its calls are refused.

    Attributes:
        words: The command line without its verbosity.
        calls: The operations, each with every code.
        transport: What carries frequent calls.
        role: Whether credentials are those of a role, which is to be assumed first.
        traced: Whether it shows the tracebacks of what was refused.

    """

    words: tuple[str, ...]
    calls: tuple[str, ...] = ()
    transport: str = ""
    role: bool = False
    traced: bool = True


LOOK_CALLS = ("GetQueueUrl", "GetQueueAttributes", "ListDeadLetterSourceQueues")
WORKER = ("--source", "orders", "--handler", "handlers.handles")
CASES = {
    "worker": Case(WORKER, WORKER_CALLS),
    "worker over the SDK": Case(WORKER, WORKER_CALLS, transport=SDK),
    "worker of a role": Case(WORKER, ("AssumeRole", "GetQueueUrl", "ReceiveMessage"), role=True),
    "worker whose handler fails": Case((*WORKER[:3], "handlers.fails"), ("ReceiveMessage",)),
    "worker whose handler publishes": Case((*WORKER[:3], "handlers.publishes"), ("SendMessage",)),
    "run": Case(("run", "handlers:app"), WORKER_CALLS),
    "run whose handler fails": Case(("run", "handlers:failing"), ("ReceiveMessage",)),
    "run whose content does not fit": Case(("run", "handlers:misfit"), ("ReceiveMessage",)),
    "routes": Case(("routes", "handlers:app")),
    "status": Case(("status",)),
    "publish_sqs": Case(("publish_sqs", "--queue", "orders", "--msg", SENT), ("GetQueueUrl", "SendMessage")),
    "publish_sns": Case(("publish_sns", "--topic", "news", "--msg", SENT), ("ListTopics", "Publish")),
    "replay": Case(("replay", "messages", "--handler", "handlers.fails")),
    "check": Case(("check", "handlers:app"), ("GetQueueUrl", "GetQueueAttributes"), traced=False),
    "iam": Case(("iam", "handlers:app"), ("GetQueueUrl", "GetQueueAttributes"), traced=False),
    "queues": Case(("queues", "--interval", "0"), ("ListQueues", "GetQueueAttributes"), traced=False),
    "queues --age": Case(("queues", "--age", "--interval", "0"), ("GetMetricData",), traced=False),
    "dlq stats": Case(("dlq", "stats", "dead"), (*LOOK_CALLS, "ReceiveMessage")),
    "dlq redrive": Case(
        ("dlq", "redrive", "dead", "--to", "again", "--yes"), ("GetQueueUrl", "GetQueueAttributes", "SendMessage")
    ),
    "dlq show": Case(("dlq", "show", "dead", "nothing"), ("ReceiveMessage",)),
    "dlq dump": Case(("dlq", "dump", "dead", "--where", "body.name == 'nobody'"), ("ReceiveMessage",)),
    "dlq purge": Case(("dlq", "purge", "dead", "--yes"), ("ReceiveMessage", "DeleteMessageBatch"), traced=False),
    "dlq try": Case(("dlq", "try", "dead", "--handler", "handlers.fails", "--yes"), ("GetQueueUrl",)),
    "dlq redrive --native": Case(
        ("dlq", "redrive", "dead", "--to", "again", "--yes", "--native"),
        ("StartMessageMoveTask",),
    ),
    "dlq forget": Case(("dlq", "forget")),
    "explain": Case(("explain", "m1")),
    "cost": Case(("cost",)),
    "top": Case(("top",)),
    "demo": Case(("demo", "--messages", "6")),
    "init": Case(("init",)),
    "guide": Case(("guide",)),
}
VERBOSITIES = ((), ("-v",), ("-vv",))


def environ(url: str, case: Case, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in (*OTHER_AWS_NAMES, SWITCH)}
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    made = {**kept, **CREDENTIALS, **keys, "AWS_ENDPOINT_URL": url, "PYTHONPATH": str(folder)}
    made |= {"XDG_STATE_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    if case.transport:
        made[SWITCH] = case.transport
    if case.role:
        config = folder / "config"
        config.write_text(
            f"[profile worker]\nrole_arn = arn:aws:iam::1:role/worker\nsource_profile = base\n[profile base]\n"
            f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
        )
        made = {name: value for name, value in made.items() if name not in keys}
        made |= {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "worker"}
    return made


def output_of(case: Case, verbosity: tuple[str, ...], endpoint: EchoingEndpoint, folder: Path) -> str:
    """Run a command until the endpoint has refused everything with every code; return all that it printed."""
    (folder / "handlers.py").write_text(HANDLERS)
    (folder / "messages").write_text(BODY)
    times = 2 * len(endpoint.refusals) + 1
    command = [sys.executable, str(HERE / "impatient_command.py"), str(times), *verbosity, *case.words]
    with subprocess.Popen(
        command, cwd=folder, env=environ(endpoint.url, case, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        printed = []
        try:
            for line in process.stdout:
                printed.append(line.decode())
                if line.startswith(b"--- ended") and endpoint.finished:
                    break
        finally:
            process.kill()
        return "".join(printed)


def shown(output: str, endpoint: EchoingEndpoint) -> Iterator[str]:
    for secret in (KEY, SECRET, TOKEN, *OF_A_ROLE, SENT, BODY, *endpoint.signatures):
        for start in range(max(1, len(secret) - WINDOW + 1)):
            if secret[start : start + WINDOW] in output:
                yield secret[start : start + WINDOW]
                break


def check(name: str, verbosity: tuple[str, ...], codes: tuple[str, ...] | list[str], folder: Path) -> None:
    case = CASES[name]
    refusals: list[Refusal] = [(call, code) for call in case.calls for code in codes]
    with echoing(list(refusals), OF_A_ROLE) as endpoint:
        output = output_of(case, verbosity, endpoint, folder)
        assert endpoint.finished, f"not refused: {endpoint.refusals}\n{output[-3000:]}"
        assert list(shown(output, endpoint)) == []
        assert "TOPSECRET" not in output
        assert endpoint.signatures or not case.calls
    if verbosity == ("-vv",) and case.calls and case.traced:
        assert "Traceback" in output  # the errors were shown, with all that is shown of them


def test_no_secret_is_shown_when_everything_is(tmp_path: Path) -> None:  # and for every command below
    check("publish_sqs", ("-vv",), SOME, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("verbosity", VERBOSITIES, ids=lambda verbosity: "".join(verbosity) or "quiet")
@pytest.mark.parametrize("name", CASES)
def test_no_secret_is_shown_by_any_command_at_any_verbosity_for_any_code(
    name: str, verbosity: tuple[str, ...], tmp_path: Path
) -> None:
    check(name, verbosity, ALL, tmp_path)


def leaves(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *words, name)
        else:
            yield (*words, name.replace("-", "_"))


def test_every_command_is_among_them() -> None:
    covered = [case.words for case in CASES.values()]
    assert [leaf for leaf in leaves(cli) if not any(words[: len(leaf)] == leaf for words in covered)] == []
