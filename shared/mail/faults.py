"""Why a mail did not leave, and the translator of the mail library's errors.

A message holds what the mail server said, which may name the recipient: it belongs into the
notification's row, not into a log. `reply_code` may be logged.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from shared.errors import LongshoreError
from shared.mail.wording import one_line

_REPLY_CHARACTERS = 300


class MailFault(LongshoreError):
    """A mail that was not taken; `reply_code` is the mail server's, where it came to that."""

    code: ClassVar[str] = "mail_fault"

    def __init__(self, message: str, reply_code: int | None = None) -> None:
        super().__init__(message)
        self.reply_code = reply_code


class MailRefused(MailFault):
    """This mail will never be taken; trying again is of no use."""

    code = "mail_refused"


class MailUnavailable(MailFault):
    """The mail was not taken now; trying again later may work."""

    code = "mail_unavailable"


@contextmanager
def mail_faults() -> Iterator[None]:
    """Raise what goes wrong between us and the mail server as MailUnavailable.

    A refused login or certificate is among it: somebody can put that right within the day.
    """
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise unavailable(error.smtp_code, error.smtp_error) from error
    except (OSError, UnicodeError) as error:  # smtplib's own errors are OSErrors
        what = one_line(str(error) or type(error).__name__, _REPLY_CHARACTERS)
        raise MailUnavailable(f"The mail server cannot be reached or spoken to: {what}") from error


def refused(reply_code: int, reply: bytes | str) -> MailRefused:
    """The server does not want this mail, now or later."""
    return MailRefused(f"The mail server refused the mail: {_said(reply_code, reply)}", reply_code)


def unavailable(reply_code: int, reply: bytes | str) -> MailUnavailable:
    """The server does not take this mail now."""
    return MailUnavailable(f"The mail server takes no mail now: {_said(reply_code, reply)}", reply_code)


def _said(reply_code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return one_line(f"{reply_code} {text}", _REPLY_CHARACTERS)
