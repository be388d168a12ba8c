"""Mails as files, mails that wait, and which URL means what."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from shared.errors import LeaseLost, SettingsInvalid
from shared.mail.faults import MailUnavailable
from shared.mail.folder import FolderMailer
from shared.mail.sending import NoMailer, open_mailer
from shared.mail.smtp import Security, SmtpMailer
from tests.mails import Handover, a_message, lost


def test_a_folder_takes_mails_as_files(tmp_path: Path):
    folder = tmp_path / "a folder" / "mails"
    mailer = FolderMailer(folder)

    mailer.send(a_message(), before_handing_over=Handover())
    mailer.send(a_message("Again.\n"), before_handing_over=Handover())

    [path] = folder.iterdir()
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert path.name == "a-job.eml"
    assert (message["Subject"], message["To"]) == ("Grüße", "joe@example.com")
    assert message.get_payload(decode=True) == b"Again.\r\n"


def test_a_file_appears_only_when_handed_over(tmp_path: Path):
    with pytest.raises(LeaseLost):
        FolderMailer(tmp_path).send(a_message(), before_handing_over=lost)

    assert list(tmp_path.glob("*.eml")) == []


def test_a_folder_that_cannot_be_written_is_waited_for(tmp_path: Path):
    (tmp_path / "mails").write_text("a file")

    with pytest.raises(MailUnavailable, match="folder") as refused:
        FolderMailer(tmp_path / "mails").send(a_message(), before_handing_over=Handover())

    assert str(tmp_path) not in str(refused.value)


def test_without_a_mail_server_mails_wait():
    with pytest.raises(MailUnavailable, match="SMTP_URL"):
        NoMailer().send(a_message(), before_handing_over=Handover())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail", SmtpMailer(host="mail", port=25, security=Security.NONE)),
        ("smtp://mail:2525/", SmtpMailer(host="mail", port=2525, security=Security.NONE)),
        ("smtps://mail", SmtpMailer(host="mail", port=465, security=Security.TLS)),
        (
            "smtp+starttls://joe%40example.org:p%3Aw@mail.example.org",
            SmtpMailer(
                host="mail.example.org",
                port=587,
                security=Security.STARTTLS,
                user="joe@example.org",
                password="p:w",
            ),
        ),
        ("file:///var/mails%20of%20today", FolderMailer(Path("/var/mails of today"))),
        (None, NoMailer()),
    ],
)
def test_a_url_chooses_the_way(url: str | None, expected: object):
    assert open_mailer(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.org",
        "http://joe:pass-word@mail",
        "smtp://",
        "smtp://joe:pass-word@",
        "smtp://joe:pass-word@mail:port",
        "smtp://joe:pass-word@mail:99999",
        "smtp://joe:pass-word@mail/path",
        "smtp://joe:pass-word@mail?tls=no",
        "smtp://joe:pass-word@[mail",
        "file://another-machine/mails",
        "file:mails",
    ],
)
def test_an_unusable_url_is_refused_by_name_without_its_password(url: str):
    with pytest.raises(SettingsInvalid, match="SMTP_URL") as refused:
        open_mailer(url)

    assert "pass-word" not in str(refused.value)
    assert refused.value.__cause__ is None
