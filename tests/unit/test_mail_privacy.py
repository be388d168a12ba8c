"""A password goes to the right server through TLS, or nowhere."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from shared.mail.faults import MailUnavailable
from shared.mail.smtp import Security
from tests.mail_servers import HOST, MailServer, mail_server, mailer_of
from tests.mails import Handover, a_message


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


@pytest.fixture
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def test_a_user_logs_in(server: MailServer):
    mailer = mailer_of(server.port, user="joe", password="pass-word")

    mailer.send(a_message(), before_handing_over=Handover())

    assert server.logins[-1] == (b"joe", b"pass-word")
    assert len(server.mails) == 1


def test_a_refused_login_is_not_the_recipients_fault(server: MailServer):
    mailer = mailer_of(server.port, user="joe", password="wrong-word")

    with pytest.raises(MailUnavailable, match="535") as refused:
        mailer.send(a_message(), before_handing_over=Handover())

    assert "wrong-word" not in f"{refused.value!r} {mailer!r}"


@pytest.mark.usefixtures("_trusted")
@pytest.mark.parametrize(("security", "tls_first"), [(Security.STARTTLS, False), (Security.TLS, True)])
def test_a_mail_goes_through_tls(certificate: ssl.SSLContext, security: Security, tls_first: bool):
    server = MailServer()
    with server.running(certificate=certificate, tls_first=tls_first):
        mailer = mailer_of(server.port, security=security, user="joe", password="pass-word")
        mailer.send(a_message(), before_handing_over=Handover())

    assert len(server.mails) == len(server.logins) == 1


@pytest.mark.parametrize(("security", "tls_first"), [(Security.STARTTLS, False), (Security.TLS, True)])
def test_a_certificate_of_a_stranger_is_not_trusted(
    certificate: ssl.SSLContext, security: Security, tls_first: bool
):
    server = MailServer()
    with server.running(certificate=certificate, tls_first=tls_first):
        mailer = mailer_of(server.port, security=security, user="joe", password="pass-word")

        with pytest.raises(MailUnavailable, match="certificate"):
            mailer.send(a_message(), before_handing_over=Handover())

    assert server.logins == []


def test_no_password_goes_to_a_server_that_knows_no_tls(server: MailServer):
    mailer = mailer_of(server.port, security=Security.STARTTLS, user="joe", password="pass-word")

    with pytest.raises(MailUnavailable, match="STARTTLS"):
        mailer.send(a_message(), before_handing_over=Handover())

    assert server.logins == []
