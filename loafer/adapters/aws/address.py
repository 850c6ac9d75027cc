"""Where a queue or a topic is: a name, a URL or an ARN, taken apart."""

import re
from urllib.parse import urlsplit

import attrs

from loafer.domain.limits import FIFO
from loafer.domain.shown import without_secrets

_NAME = {
    "sqs": re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo"),
    "sns": re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo"),
}
_ARN = re.compile(r"arn:[a-z-]+:(?P<service>[a-z]+):(?P<region>[a-z0-9-]+):(?P<account>\d+):(?P<name>[^:]+)")
_AMAZON_HOST = re.compile(r"(?:\.amazonaws\.com(?:\.cn)?|\.api\.aws)$")
_HOST_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)\.")


@attrs.frozen
class Address:
    """A queue or a topic, as far as what names it says.

    Attributes:
        name: Its name.
        region: Its region; None leaves it to the environment.
        account: The account it belongs to; None is our own.
        url: A queue's URL if that was what named it.
        arn: Its ARN if that was what named it.

    """

    name: str
    region: str | None = None
    account: str | None = None
    url: str | None = None
    arn: str | None = None

    @property
    def ordered(self) -> bool:
        """True for FIFO."""
        return self.name.endswith(FIFO)

    def within(self, region: str | None) -> "Address":
        """Return this address in a region; None leaves it as it is, ValueError if it says that it is in another."""
        if region is None or region == self.region:
            return self
        if self.region is not None:
            raise ValueError(f"it is in region {self.region!r}, and region={region!r} is given; give one of them")
        return attrs.evolve(self, region=region)


def queue_address(text: str) -> Address:
    """Return the address in a queue's name, URL or ARN; ValueError if it is none of them."""
    if text.startswith(("http://", "https://")):
        return _from_url(text)
    return _from_name_or_arn(text, "sqs", "a queue name, a queue URL or a queue ARN")


def topic_address(text: str) -> Address:
    """Return the address in a topic's name or ARN; ValueError if it is neither."""
    return _from_name_or_arn(text, "sns", "a topic name or a topic ARN")


def _from_url(url: str) -> Address:
    parts = urlsplit(url)
    name = parts.path.rstrip("/").rpartition("/")[2]
    if not parts.hostname or not _NAME["sqs"].fullmatch(name):
        raise ValueError(f"{without_secrets(url)!r} is no queue URL: expected https://HOST/ACCOUNT/NAME")
    return Address(name, region=_region_of(parts.hostname), url=url)


def _region_of(host: str) -> str | None:
    found = _HOST_REGION.search(host) if _AMAZON_HOST.search(host) else None
    return found[1] if found else None


def _from_name_or_arn(text: str, service: str, expected: str) -> Address:
    if _NAME[service].fullmatch(text):
        return Address(text)
    arn = _ARN.fullmatch(text)
    if arn is None or arn["service"] != service or not _NAME[service].fullmatch(arn["name"]):
        raise ValueError(f"{without_secrets(text)!r} is not {expected}")
    return Address(arn["name"], region=arn["region"], account=arn["account"], arn=text)
