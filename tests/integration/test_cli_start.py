"""What only a person can mend ends a command at once: a line that names the file and the setting, and status 1."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import attrs
import pytest
from command import Shell

pytestmark = pytest.mark.slow

START = "https://example.awsapps.com/start"
CONFIG = f"""
[profile missing-program]
credential_process = /no/such/program --secret TOPSECRET
[profile failing-program]
credential_process = sh -c "echo no session >&2; exit 3"
[profile silent-program]
credential_process = sh -c "exit 3"
[profile rubbish]
credential_process = echo hello
[profile incomplete]
credential_process = echo '{{"Version":1}}'
[profile source]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = missing-program
[profile token-file]
role_arn = arn:aws:iam::123456789012:role/x
web_identity_token_file = /no/such/token
[profile old-sign-on]
sso_start_url = {START}
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = r
[sso-session ours]
sso_start_url = {START}
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
[profile sign-on]
sso_session = ours
sso_account_id = 123456789012
sso_role_name = r
[profile endpoint]
endpoint_url = nowhere
"""


@attrs.frozen
class Case:
    """What is wrong, and what the line says of it."""

    variables: str
    says: tuple[str, ...]


def profile(name: str, *says: str) -> Case:
    return Case(f"AWS_CONFIG_FILE=aws-config AWS_PROFILE={name}", (f"'{name}'", *says))


PROCESS = "credential_process of the profile"
KEYS = "AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b"
CASES = {
    "no token file": Case(
        "AWS_WEB_IDENTITY_TOKEN_FILE=/no/such/token AWS_ROLE_ARN=arn:aws:iam::123456789012:role/x",
        ("AWS_WEB_IDENTITY_TOKEN_FILE='/no/such/token': No such file",),
    ),
    "no token file of a profile": profile("token-file", "/no/such/token", "No such file"),
    "no such program": profile("missing-program", PROCESS, "aws-config", "(/no/such/program)", "No such file"),
    "no such program of a source": Case(
        "AWS_CONFIG_FILE=aws-config AWS_PROFILE=source", (f"{PROCESS} 'missing-program'", "/no/such/program")
    ),
    "a program that fails": profile("failing-program", PROCESS, "aws-config", "(sh)", "no session"),
    "a program that fails silently": profile("silent-program", PROCESS, "failed without a word"),
    "a program that prints rubbish": profile("rubbish", PROCESS, "what it printed is no JSON"),
    "a program that prints half": profile("incomplete", PROCESS, "AccessKeyId"),
    "not signed on": profile("sign-on", "run `aws sso login --profile sign-on`"),
    "not signed on, as it was once written": profile("old-sign-on", "run `aws sso login --profile old-sign-on`"),
    "no such profile": profile("nobody", "AWS_PROFILE='nobody'", "no such profile in aws-config"),
    "a configuration that is none": Case("AWS_CONFIG_FILE=rubbish", ("AWS_CONFIG_FILE='rubbish'", "cannot be parsed")),
    "credentials that are none": Case(
        "AWS_SHARED_CREDENTIALS_FILE=rubbish", ("AWS_SHARED_CREDENTIALS_FILE='rubbish'", "cannot be parsed")
    ),
    "no such certificates": Case(f"{KEYS} AWS_CA_BUNDLE=/no/such.pem", ("AWS_CA_BUNDLE='/no/such.pem'", "No such")),
    "certificates that are none": Case(f"{KEYS} AWS_CA_BUNDLE=rubbish", ("AWS_CA_BUNDLE='rubbish'", "no certificates")),
    "no URL": Case(f"{KEYS} AWS_ENDPOINT_URL=nowhere", ("AWS_ENDPOINT_URL='nowhere' is no URL",)),
    "no URL of the service": Case(f"{KEYS} AWS_ENDPOINT_URL_SQS=htp://x", ("AWS_ENDPOINT_URL_SQS='htp://x'",)),
    "no port": Case(f"{KEYS} AWS_ENDPOINT_URL=http://x:99999", ("AWS_ENDPOINT_URL='http://x:99999' is no URL",)),
    "no URL of a profile": Case(
        f"{KEYS} AWS_CONFIG_FILE=aws-config AWS_PROFILE=endpoint", ("endpoint_url of the profile 'endpoint'='nowhere'",)
    ),
}


@pytest.fixture
def shell(tmp_path: Path, aws_environ: pytest.MonkeyPatch) -> Shell:
    """A home without any AWS configuration, beside which there are some files."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_environ.delenv(name)
    aws_environ.setenv("HOME", str(tmp_path))
    shell = Shell(tmp_path)
    shell.write("aws-config", CONFIG)
    shell.write("rubbish", "[profile x\nkey")
    return shell


def fails(shell: Shell, command: str, says: tuple[str, ...]) -> None:
    done = shell.run(command, seconds=60)
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    line = done.stderr.rstrip()
    assert line.startswith("loafer: queue 'orders': ")
    assert [text for text in says if text not in line] == [], line
    assert "TOPSECRET" not in line


@pytest.mark.parametrize("what", CASES)
def test_what_only_a_person_can_mend_ends_a_worker_at_its_start_with_one_line(shell: Shell, what: str) -> None:
    fails(shell, f"{CASES[what].variables} loafer --source orders", CASES[what].says)


@pytest.mark.parametrize("what", ["no token file", "a program that fails", "not signed on", "no such certificates"])
def test_what_only_a_person_can_mend_ends_publishing_with_one_line(shell: Shell, what: str) -> None:
    fails(shell, f"{CASES[what].variables} loafer publish_sqs --queue orders --msg 1", CASES[what].says)


@pytest.mark.parametrize(("name", "of"), [("sign-on", "ours"), ("old-sign-on", START)])
def test_a_sign_on_that_is_over_ends_a_worker_at_its_start_with_one_line(shell: Shell, name: str, of: str) -> None:
    over = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = {"startUrl": START, "region": "eu-west-1", "accessToken": "TOPSECRET", "expiresAt": over}
    cache = shell.folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    (cache / f"{sha1(of.encode(), usedforsecurity=False).hexdigest()}.json").write_text(json.dumps(token))
    case = profile(name, f"run `aws sso login --profile {name}`")
    fails(shell, f"{case.variables} loafer --source orders", case.says)


def test_tracebacks_of_the_sdk_are_there_for_who_asks(shell: Shell) -> None:
    done = shell.run(f"{CASES['not signed on'].variables} loafer -vv --source orders", seconds=60)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("loafer: queue 'orders': the profile 'sign-on' is not signed in")
