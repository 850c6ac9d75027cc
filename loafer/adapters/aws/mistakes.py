"""What only a person can mend: found before anything is called, or recognised in what the SDK raises."""

import json
import os
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as sdk

from loafer.adapters.aws.errors import Mistake
from loafer.adapters.aws.telling import told, told_of_ours

_UNREADABLE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_SIGNED_OUT = (sdk.SSOError, sdk.LoginRefreshRequired, sdk.LoginTokenLoadError)
_PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_CA_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def check_environment(session: Any, service: str) -> None:
    """Raise Mistake if the files or URLs that the environment names for a service's clients are none."""
    try:
        profile = session.get_scoped_config()
        bundle = session.get_config_variable("ca_bundle")
        ignored = session.get_config_variable("ignore_configured_endpoint_urls")
    except sdk.BotoCoreError as error:
        raise explained(error, session) from None
    _check_ca_bundle(bundle or os.environ.get("REQUESTS_CA_BUNDLE"), session)
    if ignored:
        return
    for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            _check_url(os.environ[name], name)
            return
    if profile.get("endpoint_url"):
        _check_url(profile["endpoint_url"], f"endpoint_url of {_profile(session)}")


def explained(error: Exception, session: Any) -> Exception:
    """Return the Mistake that an error of the SDK comes from, or the error itself if it may pass or is told already."""
    match error:
        case sdk.ProfileNotFound():
            name = next((name for name in _PROFILE_VARIABLES if os.environ.get(name)), "profile")
            profile = os.environ.get(name, str(getattr(error, "kwargs", {}).get("profile", "")))
            files = " and ".join(_file(variable) for variable in _FILES)
            return Mistake(f"{name}={profile!r}: there is no such profile in {files}")
        case sdk.ConfigParseError():
            path = str(getattr(error, "kwargs", {}).get("path", ""))
            return Mistake(f"{_setting_of(path) or path}: the file cannot be parsed; see how it is written")
    return _of_credentials(error, session)


def _of_credentials(error: Exception, session: Any) -> Exception:
    process = _credential_process(session)
    match error:
        case sdk.TokenRetrievalError() | sdk.SSOError() | sdk.LoginRefreshRequired() | sdk.LoginTokenLoadError():
            return _signed_out(error, session)
        case sdk.CredentialRetrievalError() if process and error.kwargs.get("provider") == "custom-process":
            said = told(str(error.kwargs.get("error_msg", "")).strip()) or "it failed without a word"
            return Mistake(f"{process}: {said}")
        case sdk.CredentialRetrievalError() if "credential_source" in str(error.kwargs.get("error_msg", "")):
            return Mistake(f"credential_source of {_profile(session)}: there are no credentials where it says")
        case OSError() if isinstance(error, _UNREADABLE):
            path = str(error.filename or "")
            where = _setting_of(path) or _key_of(path, session) or process or f"the file {path!r}"
            return Mistake(f"{where}: {error.strerror or type(error).__name__}")
        case json.JSONDecodeError() | UnicodeDecodeError() if process:
            return Mistake(f"{process}: what it printed is no JSON")
    return error


def _signed_out(error: Exception, session: Any) -> Exception:
    provider = getattr(error, "kwargs", {}).get("provider", "sso")
    if provider != "sso":
        return error
    command = "aws sso login" if isinstance(error, sdk.SSOError | sdk.TokenRetrievalError) else "aws login"
    name = session.get_config_variable("profile")
    option = f" --profile {name}" if name else ""
    return Mistake(f"{_profile(session)} is not signed in, or no longer: run `{command}{option}`")


@cache
def _read_certificates(file: str) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)


def _check_ca_bundle(bundle: str | None, session: Any) -> None:
    if not bundle:
        return
    name = next((name for name in _CA_BUNDLES if os.environ.get(name) == bundle), f"ca_bundle of {_profile(session)}")
    try:
        _read_certificates(bundle)
    except ssl.SSLError:
        raise Mistake(f"{name}={bundle!r}: the file holds no certificates; give one in the format PEM") from None
    except OSError as error:
        raise Mistake(f"{name}={bundle!r}: {error.strerror}; give a file of certificates") from None


def _check_url(url: str, name: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        fits = False
    if not fits or any(character.isspace() for character in url):
        raise Mistake(f"{name}={told_of_ours(url)!r} is no URL; give http://HOST[:PORT] or https://HOST[:PORT]")


def _credential_process(session: Any) -> str | None:
    """Return the setting of the program that gives credentials, by its name; None: there is none."""
    for name, profile in _profiles(session):
        if profile.get("credential_process"):
            program = profile["credential_process"].split()[0]
            return f"credential_process of the profile {name!r} in {_file('AWS_CONFIG_FILE')} ({program})"
    return None


def _profiles(session: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the profile that is used, and those that it gets its credentials from."""
    try:
        profiles = session.full_config.get("profiles", {})
        name = session.get_config_variable("profile") or "default"
    except sdk.BotoCoreError:
        return
    seen: set[str] = set()
    while name in profiles and name not in seen:
        seen.add(name)
        yield name, profiles[name]
        name = profiles[name].get("source_profile", name)


def _setting_of(path: str) -> str | None:
    """Return the variable of the environment that names a file, and the file."""
    for name, value in os.environ.items():
        if path and name.startswith("AWS_") and value and Path(value).expanduser() == Path(path):
            return f"{name}={value!r}"
    return None


def _key_of(path: str, session: Any) -> str | None:
    """Return the key of a profile that names a file, and the file."""
    for name, profile in _profiles(session):
        for key, value in profile.items():
            if path and isinstance(value, str) and Path(value).expanduser() == Path(path):
                return f"{key} of the profile {name!r} in {_file('AWS_CONFIG_FILE')} ({path})"
    return None


def _profile(session: Any) -> str:
    return f"the profile {session.get_config_variable('profile') or 'default'!r}"


def _file(variable: str) -> str:
    return os.environ.get(variable) or _FILES[variable]
