"""What may be told of what the SDK and the services say: nothing that was signed or sent, in one line."""

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote_plus

_LONGEST = 300
_LONGEST_CODE = 100
_BEGINNING = 20  # characters of a body by which it is known again
_SHORTEST = 4  # characters of a body that is not found in anything
_CODE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{_LONGEST_CODE}}}")
_SIGNED = re.compile(
    r"x-amz-|aws4|authorization\s*:|signedheaders|signature\s*=|credential\s*=|security-?token\s*[:=]", re.IGNORECASE
)
"""Where the words begin that repeat a request: from there on nothing is told."""
_USERINFO = re.compile(r"//\S*@")
_QUERY = re.compile(r"(\w://[^\s?#\"']*)[?#][^\s\"']*")
_SECRET = re.compile(r"(?=[A-Za-z0-9+/=_-]*[0-9+/=_])[A-Za-z0-9+/=_-]{16,}|[A-Za-z]{40,}")
"""Runs of characters that keys, tokens and signatures are made of, and words hardly ever."""
_PLACE = re.compile(r"arn:|\w+://")


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
    return code if _CODE.fullmatch(code) and not _SECRET.fullmatch(code) else ""


def _plain(text: str) -> str:
    signed = _SIGNED.search(text)
    text = " ".join(text[: signed.start()].split() if signed else text.split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    return _QUERY.sub(r"\1", _USERINFO.sub("//", text))


def _word(word: str) -> str:
    return word if _PLACE.search(word) else _SECRET.sub("…", word)


def _repeats(text: str, body: str) -> bool:
    spellings = (body, json.dumps(body)[1:-1], quote_plus(body, errors="replace"), html.escape(body))
    return any(spelling[:_BEGINNING] in text for spelling in spellings if len(spelling) >= _SHORTEST)
