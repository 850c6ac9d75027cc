"""What may be told of what the SDK and the services say: nothing that was signed or sent, in one line."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote_plus

_LONGEST = 300
_LONGEST_READ = 4_000  # characters of a text that are looked at; a service may send a megabyte
_LONGEST_CODE = 100
_BEGINNING = 20  # characters of a body by which it is known again
_SHORTEST = 4  # characters of a body that is not found in anything
_CODE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{_LONGEST_CODE}}}")
_SIGNED = re.compile(
    r"x-amz-|aws4|authorization\s*:|signedheaders|signature\s*=|credential\s*=|security-?token\s*[:=]", re.IGNORECASE
)
"""Where the words begin that repeat a request: from there on nothing is told."""
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")
"""Runs of characters that keys, tokens and signatures are made of, if there is more than letters and `-` in them."""
_MORE_THAN_WORDS = re.compile(r"[0-9+/=_]")
_LONG_WORD = re.compile(r"[A-Za-z]{40,}")
_URL = re.compile(r"\w://")
_QUOTES = re.compile(r"([\"'])")
_AFTER_PATH = re.compile(r"[?#]")
_PLACE = re.compile(r"arn:|\w://")


def told(text: str, sent: Iterable[str] = ()) -> str:
    """Return one line of a text that a service or the SDK made up; "" if it repeats one of the texts `sent`.

    Left out are what looks like a key, a token or a signature, whatever repeats a signed request, and what stands in a
    URL before its host and behind its path.
    """
    if any(_repeats(text, body) for body in sent):
        return ""
    return " ".join(_word(word) for word in _plain(text).split(" "))[:_LONGEST].rstrip()


def told_of_ours(text: str) -> str:
    """Return one line of a text that names files, profiles or endpoints of this machine, which are told whole."""
    return _plain(text)[:_LONGEST]


def told_code(code: str) -> str:
    """Return an error code; "" for what is none."""
    run = _RUN.fullmatch(code)
    secret = run is not None and _without_secret(run) == "…"
    return code if _CODE.fullmatch(code) and not secret else ""


def _plain(text: str) -> str:
    if len(text) > _LONGEST_READ:
        # Without its last word: that may be the beginning of a key, too short to be known as one.
        text = " ".join(text[:_LONGEST_READ].split()[:-1])
    signed = _SIGNED.search(text)
    text = " ".join(text[: signed.start()].split() if signed else text.split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return " ".join(_without_secrets_of_a_url(word) for word in text.split(" "))


def _without_secrets_of_a_url(word: str) -> str:
    host, end = word.find("//"), word.rfind("@")
    if 0 <= host < end:
        word = word[: host + 2] + word[end + 1 :]
    return "".join(map(_without_query, _QUOTES.split(word))) if "://" in word else word


def _without_query(part: str) -> str:
    url = _URL.search(part)
    query = _AFTER_PATH.search(part, url.end()) if url else None
    return part[: query.start()] if query else part


def _word(word: str) -> str:
    return word if _PLACE.search(word) else _RUN.sub(_without_secret, word)


def _without_secret(run: re.Match[str]) -> str:
    return "…" if _MORE_THAN_WORDS.search(run[0]) else _LONG_WORD.sub("…", run[0])


def _repeats(text: str, body: str) -> bool:
    import html  # noqa: PLC0415 - it has all entities there are, and only what failed needs it

    start = body[:_BEGINNING]
    spellings = (start, json.dumps(start)[1:-1], quote_plus(start, errors="replace"), html.escape(start))
    return any(spelling[:_BEGINNING] in text for spelling in spellings if len(spelling) >= _SHORTEST)
