"""Credentials, region and endpoint of SQS as the environment says them, found without the SDK where that is plain.

The SDK takes 0.2 s of CPU and 25 MiB to be imported and to say the same.
"""

import os
import re
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs
from botocore.configloader import load_config, raw_config_parse
from botocore.exceptions import BotoCoreError, ConfigNotFound

from loafer.adapters.aws.lean.unusual import Unusual
from loafer.adapters.aws.safety import UnusableCredentials, check_credentials

_PLAIN_VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
}
_IDLE_VARIABLES = {
    "AWS_ACCOUNT_ID",
    "AWS_CLI_AUTO_PROMPT",
    "AWS_DEFAULT_OUTPUT",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EXECUTION_ENV",
    "AWS_PAGER",
    "AWS_REGION",
}
"""Variables that the SDK does not read, or that change nothing about calls of SQS with credentials that are there."""
_OF_OTHER_SERVICES = "AWS_ENDPOINT_URL_"
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_BEGINNINGS = ("AWS_", "BOTO", "SSLKEYLOGFILE")
"""How variables begin that may change what the SDK does."""
_PLAIN_KEYS = {*map(str.lower, _SECRETS), "cli_auto_prompt", "cli_pager", "output", "region"}
_MODELS = "~/.aws/models"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ENDPOINT = re.compile(rf"https?://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[1-9][0-9]{{0,4}})?/?")

_DOMAINS = (
    (re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"us-gov-[a-z]+-[0-9]+"), "amazonaws.com"),
    (re.compile(r"cn-[a-z]+-[0-9]+"), "amazonaws.com.cn"),
)
"""The regions of the partitions aws, aws-us-gov and aws-cn, and the domain of their endpoints."""


@attrs.frozen
class Keys:
    """What requests are signed with; `method` says where they came from, in the SDK's word."""

    access_key: str = attrs.field(repr=False)
    secret_key: str = attrs.field(repr=False)
    token: str | None = attrs.field(repr=False)
    method: str


@attrs.frozen
class Found:
    """Where SQS is called, and as whom.

    Attributes:
        certificates: The file of certificates to trust; None: the SDK's own.

    """

    endpoint: SplitResult
    region: str
    keys: Keys
    certificates: str | None


def found_in(
    environ: Mapping[str, str], region: str | None = None, endpoint: str | None = None, profile: str | None = None
) -> Found:
    """Return what the environment and the files that it names say, as far as it is not given.

    Raises:
        Unusual: the SDK might find something else; the text says why.

    """
    _check_variables(environ)
    _check_proxies(environ)
    files = _Files.of(environ, profile)
    region = region or environ.get("AWS_DEFAULT_REGION") or files.settings.get("region")
    domain = next((domain for pattern, domain in _DOMAINS if region and pattern.fullmatch(region)), None)
    if region is None or domain is None:
        raise Unusual("there is no region of the usual partitions")
    url = endpoint or environ.get("AWS_ENDPOINT_URL_SQS") or environ.get("AWS_ENDPOINT_URL")
    return Found(
        _plain_url(url or f"https://sqs.{region}.{domain}"),
        region,
        _keys(environ, files, profile),
        environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE"),
    )


def _check_variables(environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        if name in _PLAIN_VARIABLES:
            if not value and name not in _SECRETS:
                raise Unusual(f"{name} is empty")
        elif name.startswith(_BEGINNINGS) and name not in _IDLE_VARIABLES and not name.startswith(_OF_OTHER_SERVICES):
            raise Unusual(f"{name} is set")
    if os.path.exists(os.path.expanduser(_MODELS)):  # noqa: PTH110, PTH111 - of a user without a home, too
        raise Unusual(f"there is {_MODELS}")


def _check_proxies(environ: Mapping[str, str]) -> None:
    if sys.platform in {"darwin", "win32"}:  # the system has proxies of its own there
        from urllib.request import getproxies  # noqa: PLC0415 - slow to import

        proxies = list(getproxies())
    else:
        proxies = [name for name, value in environ.items() if value and name.lower().endswith("_proxy")]
    if any(name.lower() not in {"no", "no_proxy"} for name in proxies):
        raise Unusual("a proxy is set")


@attrs.frozen
class _Files:
    """What the SDK's files say of the profile that is used: all of it, and the keys by where they are."""

    settings: Mapping[str, str]
    shared: Mapping[str, str]
    config: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str], profile: str | None) -> "_Files":
        named = profile or environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
        name = named or "default"
        shared = _read(raw_config_parse, environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
        config = _read(load_config, environ.get("AWS_CONFIG_FILE", "~/.aws/config")).get("profiles", {})
        if named and name not in shared and name not in config:
            raise Unusual(f"there is no profile {name!r}")
        ours = cls({**config.get(name, {}), **shared.get(name, {})}, shared.get(name, {}), config.get(name, {}))
        for key, value in ours.settings.items():
            if key not in _PLAIN_KEYS or not value or not isinstance(value, str):
                raise Unusual(f"the profile {name!r} sets {key}")
        return ours


def _read(parse: Any, path: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = parse(path)
    except ConfigNotFound:
        return {}
    except (BotoCoreError, OSError, ValueError):
        raise Unusual("a file of the SDK cannot be read") from None
    return read


def _keys(environ: Mapping[str, str], files: _Files, profile: str | None) -> Keys:
    """Return the credentials, looked for where the SDK does, in its order; of a named profile, in files alone."""
    places = (
        ({} if profile else {name.lower(): environ[name] for name in _SECRETS if environ.get(name)}, "env"),
        (files.shared, "shared-credentials-file"),
        (files.config, "config-file"),
    )
    for place, method in places:
        if "aws_access_key_id" in place:
            secret = place.get("aws_secret_access_key")
            if secret is None:
                raise Unusual("credentials are incomplete")
            keys = Keys(place["aws_access_key_id"], secret, place.get("aws_session_token"), method)
            try:
                check_credentials(keys)
            except UnusableCredentials:
                raise Unusual("credentials are unusable") from None
            return keys
    raise Unusual("no credentials stand in the environment or in a profile")


def _plain_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = _ENDPOINT.fullmatch(url) and (parts.port is None or parts.port)
    except ValueError:
        fits = False
    if not fits:
        raise Unusual("the endpoint is no plain URL")
    return parts._replace(path="/")
