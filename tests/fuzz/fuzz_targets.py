"""What is fuzzed: functions of bytes that return, whatever the bytes are, or raise what is documented."""

from collections.abc import Callable, Mapping

from fuzz_answers import batch, receive
from fuzz_http import http, refusal
from fuzz_letters import journal, notes, snapshot, where
from fuzz_outside import condition, health, metrics, status, trace
from fuzz_signature import certificate, signature
from fuzz_texts import address, cfg, env, envelope, replay, telling, toml
from fuzz_typed import typed

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(http, refusal, receive, batch),
        *(envelope, signature, certificate, typed),
        *(condition, trace, metrics, health, status),
        *(address, replay, env, cfg, toml, telling),
        *(where, snapshot, journal, notes),
    )
}
