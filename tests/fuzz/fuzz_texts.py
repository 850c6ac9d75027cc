"""Texts: bodies and envelopes, files of messages and of settings, addresses, what services say."""

import math
import re
from typing import Any

from fuzz_expecting import expect

from loafer.adapters.aws.address import queue_address, topic_address
from loafer.adapters.aws.saved import read_messages
from loafer.adapters.aws.telling import told
from loafer.adapters.aws.translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Message
from loafer.entrypoints.settings.formats import read_cfg, read_env
from loafer.entrypoints.settings.load import load_settings, unknown_keys
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.said import Said
from loafer.entrypoints.settings.toml import read_loafer_toml, read_pyproject

HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def envelope(data: bytes) -> None:
    """A body to translate, as JSON, as an SNS envelope, and as text."""
    body = _with_surrogates(data[1:]) if data[:1] == b"s" else data.decode("utf-8", "replace")
    message = Message("1", body, "r")
    for translate in (
        SQSMessageTranslator().translate,
        SNSMessageTranslator().translate,
        lambda text: SNSMessageTranslator().translate(text, message),
        SNSMessageTranslator(topics=["arn:aws:sns:eu-west-1:1:news"]).translate,
        StringMessageTranslator().translate,
    ):
        try:
            content = translate(body)["content"]
        except InvalidTranslation as error:
            expect(str(error), "it is refused without a reason")
        else:
            expect(_can_be_stored(content), "it cannot be stored")


def address(data: bytes) -> None:
    """What names a queue or a topic."""
    text = data.decode("utf-8", "replace")
    for parse in (queue_address, topic_address):
        try:
            found = parse(text)
        except ValueError as error:
            expect(str(error), "it is refused without a reason")
        else:
            expect(found.name and found.name.isascii(), "a queue has no name")


def replay(data: bytes) -> None:
    """A file of messages: JSON lines, what the AWS CLI prints, a Lambda event."""
    try:
        samples = read_messages(data.decode("utf-8", "replace"))
    except ValueError as error:
        expect(str(error).startswith("line "), "a mistake does not say where it is")
    else:
        expect(samples and all(isinstance(sample.message.body, str) for sample in samples), "a message is none")


def env(data: bytes) -> None:
    """A `.env` file."""
    _settings(read_env(".env", data.decode("utf-8", "replace")))


def cfg(data: bytes) -> None:
    """A `*.cfg` file."""
    _settings(read_cfg("worker.cfg", data.decode("utf-8", "replace")))


def toml(data: bytes) -> None:
    """A `loafer.toml`, and a `pyproject.toml`."""
    text = data.decode("utf-8", "replace")
    _settings(read_loafer_toml("loafer.toml", text))
    _settings(read_pyproject("pyproject.toml", text))


def telling(data: bytes) -> None:
    """A text of a service."""
    line = told(data.decode("utf-8", "replace"), ["a body"])
    expect(line.isprintable() and len(line) <= 300, "it is no short line")


def _with_surrogates(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")


def _can_be_stored(content: Any) -> bool:
    """Tell whether there is neither infinity nor half a surrogate pair in a content."""
    values = [content]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value, *value.values()]
        elif isinstance(value, list):
            values += value
        elif (isinstance(value, float) and not math.isfinite(value)) or (
            isinstance(value, str) and HALF_A_PAIR.search(value)
        ):
            return False
    return True


def _settings(said: Said) -> None:
    mistakes = Mistakes([*said.mistakes])
    load_settings([said.layer], mistakes)
    for line in (*map(str, mistakes.found), *said.warnings, *unknown_keys([said.layer])):
        expect(line.isprintable(), "a line would break the log")
    expect(said.concerns_us or not said.layer, "settings concern nobody")
