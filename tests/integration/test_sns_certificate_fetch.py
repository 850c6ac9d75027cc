"""Certificates of SNS over real TLS: from a host that stands in for SNS, whatever it does."""

import http.server
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import trustme

from loafer.adapters.aws.sns_certificates import LARGEST, download
from loafer.aws.message_translator import SNSMessageTranslator
from loafer.domain.lifecycle import Outcome
from loafer.testing import deliver

sys.path.append(str(Path(__file__).parents[1] / "unit" / "adapters" / "aws"))
from sns_signing import SIGNER, TOPIC, URL, Signer  # signs as SNS does, for the unit tests too

CERTIFICATE = SIGNER.certificate


class StandIn(http.server.BaseHTTPRequestHandler):
    """Serves the certificate, a redirect to it, more than a certificate, and nothing."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        status, body = {
            "/moved.pem": (307, b""),
            "/large.pem": (200, CERTIFICATE + b"\n" * LARGEST),
            "/gone.pem": (404, CERTIFICATE),
        }.get(self.path, (200, CERTIFICATE))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 307:
            self.send_header("Location", "/certificate.pem")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def host(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "localhost")
    StandIn.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_certificate_is_downloaded_over_tls(host: str, trusting: ssl.SSLContext) -> None:
    assert download(f"{host}/certificate.pem", trusting) == CERTIFICATE


def test_a_redirect_is_not_followed(host: str, trusting: ssl.SSLContext) -> None:
    with pytest.raises(HTTPError, match="307"):
        download(f"{host}/moved.pem", trusting)
    assert StandIn.asked == ["/moved.pem"]


def test_what_is_not_there_is_an_error_whatever_comes_with_it(host: str, trusting: ssl.SSLContext) -> None:
    with pytest.raises(HTTPError, match="404"):
        download(f"{host}/gone.pem", trusting)


def test_no_more_than_a_certificate_is_read(host: str, trusting: ssl.SSLContext) -> None:
    with pytest.raises(ValueError, match=f"longer than {LARGEST} bytes"):
        download(f"{host}/large.pem", trusting)


def test_a_host_that_nobody_vouches_for_is_not_believed(host: str) -> None:
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        download(f"{host}/certificate.pem")


@pytest.mark.parametrize("scheme", ["http", "file", "ftp", "data"])
def test_nothing_but_https_is_understood(scheme: str) -> None:
    with pytest.raises(URLError, match=f"unknown url type: {scheme}"):
        download(f"{scheme}://localhost/certificate.pem")


def test_a_signed_message_is_handled_and_a_forged_one_kept(host: str, trusting: ssl.SSLContext) -> None:
    def fetch(url: str) -> bytes:
        assert url == URL
        return download(f"{host}/certificate.pem", trusting)

    translator = SNSMessageTranslator([TOPIC], verify=True, fetch=fetch)
    tried = partial(deliver, print, translator=translator)
    ended = [tried(body=json.dumps(signer.signed())) for signer in (SIGNER, Signer(), SIGNER)]
    assert [delivery.outcome for delivery in ended] == [Outcome.SUCCEEDED, Outcome.UNTRANSLATED, Outcome.SUCCEEDED]
    assert ended[0].message.notification is not None
    assert ended[0].message.notification.subject == "My First Message"
    assert str(ended[1].error) == "the SNS envelope's signature is wrong: SNS did not sign this"
    assert StandIn.asked == ["/certificate.pem"]
