"""The contract that every way of sending mails keeps, and the choice of one by URL."""

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from shared.errors import SettingsInvalid
from shared.mail.faults import MailUnavailable
from shared.mail.folder import FolderMailer
from shared.mail.smtp import Security, SmtpMailer

# The default port is the one registered for that way of speaking.
_SMTP = {
    "smtp": (Security.NONE, 25),
    "smtp+starttls": (Security.STARTTLS, 587),
    "smtps": (Security.TLS, 465),
}

_EXPECTED = (
    "SMTP_URL: must be smtp://, smtp+starttls:// or smtps:// with a host, such as"
    " smtp+starttls://user:password@mail.example.org:587, or file:///an/absolute/folder."
)


class Mailer(Protocol):
    """Gives one mail at a time to whoever delivers it."""

    def send(self, message: EmailMessage, *, before_handing_over: Callable[[], object]) -> None:
        """Hand the mail over; returns once it was taken.

        Until `before_handing_over` is called it is certain that the mail was not taken, after that
        only this function's end tells; what it raises stops the sending and rises.
        Raises MailRefused or MailUnavailable when the mail was not taken.
        """

    def check(self) -> None:
        """Raises MailUnavailable unless mails would be taken now, as far as that can be told without one."""


@dataclass(frozen=True)
class NoMailer:
    """Takes no mail: the one of a service without SMTP_URL, whose mails wait for it."""

    def send(self, message: EmailMessage, *, before_handing_over: Callable[[], object]) -> None:
        """Raises MailUnavailable."""
        self.check()

    def check(self) -> None:
        """Raises MailUnavailable."""
        raise MailUnavailable("No way to send mails is known: set SMTP_URL for the workers.")


def open_mailer(smtp_url: str | None) -> Mailer:
    """The mailer that `smtp_url` names. Connects to nothing yet. Raises SettingsInvalid."""
    if smtp_url is None:
        return NoMailer()
    try:
        parts = urlsplit(smtp_url)
        if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
            return FolderMailer(Path(unquote(parts.path)))
        if parts.scheme in _SMTP and parts.hostname and not (parts.path.strip("/") or parts.query):
            return _smtp(parts)
    except ValueError:  # a port that is no number, brackets that do not match
        raise SettingsInvalid(_EXPECTED) from None
    raise SettingsInvalid(_EXPECTED)


def _smtp(parts: SplitResult) -> SmtpMailer:
    security, port = _SMTP[parts.scheme]
    return SmtpMailer(
        host=parts.hostname or "",
        port=parts.port or port,
        security=security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
