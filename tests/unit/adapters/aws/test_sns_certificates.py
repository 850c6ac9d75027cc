"""Certificates come from SNS's own hosts, once a day, and nothing a stranger names is asked for."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead
from urllib.error import HTTPError, URLError

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sns_signing import SIGNER, URL, certificate_of

from loafer.adapters.aws.sns_certificates import KEPT, MOST, REFUSED, Certificates


class Host:
    """What is at SNS's addresses; keeps what was asked for."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.now = 1000.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def certificates(self) -> Certificates:
        return Certificates(self.fetch, lambda: self.now)


def changed(certificate: bytes, old: str, new: str) -> bytes:
    """Return a certificate with bytes replaced, which are given in hex."""
    der = ssl.PEM_cert_to_DER_cert(certificate.decode())
    assert bytes.fromhex(old) in der
    return ssl.DER_cert_to_PEM_cert(der.replace(bytes.fromhex(old), bytes.fromhex(new), 1)).encode()


def url_of(number: int) -> str:
    return URL.replace("0123", f"{1000 + number}")


@pytest.mark.parametrize(
    "host",
    [
        "sns.us-east-1.amazonaws.com",
        "sns.us-gov-west-1.amazonaws.com",
        "sns.ap-southeast-15.amazonaws.com",
        "sns.cn-north-1.amazonaws.com.cn",
    ],
)
def test_a_certificate_at_a_host_of_sns_is_fetched(host: str) -> None:
    sns = Host(SIGNER.certificate)
    url = f"https://{host}/SimpleNotificationService-0a1b.pem"
    assert sns.certificates().key_of(url) == SIGNER.key.public_key()
    assert sns.asked == [url]


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("https", "ftp"),
        URL.replace(".pem", ".txt"),
        URL.replace(".pem", ".pem?x=1"),
        URL.replace(".pem", ".pem#x"),
        URL.replace(".pem", ".pem\n"),
        URL.replace(".pem", "/../x.pem"),
        URL.replace("sns.sa-east-1", "sns"),
        URL.replace("sns.sa-east-1", "sns.s3"),
        URL.replace("sns.sa-east-1", "sns.s3-sa-east-1"),
        URL.replace("sns.sa-east-1", "sns.s3.sa-east-1"),
        URL.replace("sns.sa-east-1", "evil.sns.sa-east-1"),
        URL.replace("sns.sa-east-1", "SNS.sa-east-1"),
        URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
        URL.replace("amazonaws.com", "amazonaws.com:8443"),
        URL.replace("amazonaws.com", "amazonaws.com.cn.example"),
        URL.replace("sns.sa", "user@sns.sa"),
        URL.replace("sa-east-1", "sa-east-\u0661"),
        "https://evil.example/?" + URL,
        "file:///etc/passwd",
        "",
        None,
        7,
        [URL],
    ],
)
def test_nothing_is_fetched_from_anywhere_else(url: object) -> None:
    sns = Host(SIGNER.certificate)
    with pytest.raises(ValueError, match="certificate is not at an address of SNS"):
        sns.certificates().key_of(url)
    assert sns.asked == []


def test_a_certificate_is_fetched_once_a_day() -> None:
    sns = Host(SIGNER.certificate)
    certificates = sns.certificates()
    for now in (0.0, 1.0, KEPT - 1, KEPT, KEPT + 1):
        sns.now = now
        certificates.key_of(URL)
    assert sns.asked == [URL, URL]


def test_threads_that_ask_at_once_fetch_once() -> None:
    sns = Host(SIGNER.certificate)
    certificates = sns.certificates()
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(certificates.key_of, [URL] * 64))
    assert keys == [SIGNER.key.public_key()] * 64
    assert sns.asked == [URL]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (URLError("refused"), "URLError"),
        (HTTPError(URL, 404, "a text of the host's own", None, None), "HTTPError 404"),  # type: ignore[arg-type]
        (TimeoutError(), "TimeoutError"),
        (IncompleteRead(b""), "IncompleteRead"),
        (b"", "ValueError"),
        (b"<html>", "ValueError"),
        (SIGNER.certificate.replace(b"A", b"!"), "ValueError"),
        (changed(SIGNER.certificate, "2a864886f70d010101", "2a864886f70d010114"), "UnsupportedAlgorithm"),
        (changed(SIGNER.certificate, "a003020102", "a003020109"), "InvalidVersion"),
        (certificate_of(ec.generate_private_key(ec.SECP256R1())), "its key is not RSA"),
    ],
)
def test_what_is_no_certificate_says_why_and_is_asked_for_again_after_a_minute(
    answer: bytes | Exception, reason: str
) -> None:
    sns = Host(answer, SIGNER.certificate)
    certificates = sns.certificates()
    for _ in range(2):
        with pytest.raises(ValueError, match=f"no certificate to be had from sns.sa-east-1.amazonaws.com: {reason}$"):
            certificates.key_of(URL)
    sns.now += REFUSED
    assert certificates.key_of(URL) == SIGNER.key.public_key()
    assert sns.asked == [URL, URL]


def test_addresses_that_strangers_make_up_are_forgotten_before_those_of_sns() -> None:
    sns = Host(SIGNER.certificate, TimeoutError())
    certificates = sns.certificates()
    certificates.key_of(URL)
    for number in range(3 * MOST):
        with pytest.raises(ValueError, match="TimeoutError"):
            certificates.key_of(url_of(number))
    asked = len(sns.asked)
    certificates.key_of(URL)
    assert len(sns.asked) == asked
    assert len(certificates._known) == MOST


def test_the_oldest_certificate_is_forgotten_where_there_are_too_many() -> None:
    sns = Host(SIGNER.certificate)
    certificates = sns.certificates()
    for number in (*range(MOST + 1), MOST):
        certificates.key_of(url_of(number))
    assert len(sns.asked) == MOST + 1
    certificates.key_of(url_of(0))
    assert len(sns.asked) == MOST + 2
