"""Mails to a mail server, one connection each."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum, auto

from shared.mail.faults import MailFault, mail_faults, refused, unavailable

_GOODBYE_SECONDS = 2.0

_PERMANENT = range(500, 600)
_LOGIN_NEEDED = 530  # RFC 4954, section 6: says nothing about the mail, and settings can mend it


class Security(Enum):
    """How the connection is kept private."""

    NONE = auto()
    STARTTLS = auto()  # begins in the clear; without a switch to TLS nothing is sent
    TLS = auto()


@dataclass(frozen=True, kw_only=True)
class SmtpMailer:
    """Speaks to one server, with a login where there is a user."""

    host: str
    port: int
    security: Security
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    # For each step before the mail itself.
    reply_seconds: float = 15.0
    # A server may look for viruses before it answers. Who gives up on one that has taken the mail
    # sends it twice: RFC 5321, section 4.5.3.2.6, which asks for patience.
    last_reply_seconds: float = 180.0

    def send(self, message: EmailMessage, *, before_handing_over: Callable[[], object]) -> None:
        """See `Mailer.send`. A connection lost before the answer counts as not taken (RFC 5321, 3.8)."""
        with mail_faults():
            smtp = self._connect()
            try:
                self._introduce(smtp)
                _offer(smtp, message)
                before_handing_over()
                self._hand_over(smtp, message)
                _take_leave(smtp)
            finally:
                smtp.close()

    def check(self) -> None:
        """See `Mailer.check`: the server is greeted, and logged in to."""
        with mail_faults():
            smtp = self._connect()
            try:
                self._introduce(smtp)
                _take_leave(smtp)
            finally:
                smtp.close()

    def _connect(self) -> smtplib.SMTP:
        if self.security is Security.TLS:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.reply_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.reply_seconds)

    def _introduce(self, smtp: smtplib.SMTP) -> None:
        if self.security is Security.STARTTLS:
            smtp.starttls(context=ssl.create_default_context())
        smtp.ehlo_or_helo_if_needed()
        if self.user:
            smtp.login(self.user, self.password)

    def _hand_over(self, smtp: smtplib.SMTP, message: EmailMessage) -> None:
        _wait_at_most(smtp, self.last_reply_seconds)
        try:
            reply_code, reply = smtp.data(message.as_bytes())
        except smtplib.SMTPDataError as error:  # the server does not even want to see it
            raise _verdict(error.smtp_code, error.smtp_error) from error
        if reply_code != 250:
            raise _verdict(reply_code, reply)


def _offer(smtp: smtplib.SMTP, message: EmailMessage) -> None:
    """Name sender and recipient. A refused sender is our own fault, so the mail waits until it is mended."""
    reply_code, reply = smtp.mail(message["From"].addresses[0].addr_spec)
    if reply_code != 250:
        raise unavailable(reply_code, reply)
    reply_code, reply = smtp.rcpt(message["To"].addresses[0].addr_spec)
    if reply_code not in (250, 251):
        raise _verdict(reply_code, reply)


def _take_leave(smtp: smtplib.SMTP) -> None:
    # The mail was taken: whatever becomes of the connection now must not look like a failure.
    with suppress(OSError):
        _wait_at_most(smtp, _GOODBYE_SECONDS)
        smtp.quit()


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _verdict(reply_code: int, reply: bytes | str) -> MailFault:
    permanent = reply_code in _PERMANENT and reply_code != _LOGIN_NEEDED
    return refused(reply_code, reply) if permanent else unavailable(reply_code, reply)
