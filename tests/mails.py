"""Mails and reports with telling defaults."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from shared.errors import LeaseLost
from shared.mail.reports import JobReport, Outcome


def a_report(**changes: Any) -> JobReport:
    """An import that went well."""
    given: dict[str, Any] = {
        "kind": "import",
        "outcome": Outcome.COMPLETED,
        "reason": "3 records were imported.",
        "community": "demo",
        "job_name": "Nightly accounts",
        "item_type": "Account",
        "records_processed": 3,
    }
    return JobReport(**given | changes)


def a_message(body: str = "Hello.\n") -> EmailMessage:
    """A mail of its own, whatever Longshore writes."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = "Longshore <longshore@example.org>"
    message["To"] = "joe@example.com"
    message["Subject"] = "Grüße"
    message["Message-ID"] = "<a-job@example.org>"
    message.set_content(body)
    return message


class Handover:
    """Whether a mailer has said that it hands the mail over."""

    def __init__(self) -> None:
        self.begun = False

    def __call__(self) -> None:
        self.begun = True


def lost() -> None:
    """For `before_handing_over`: somebody else sends the mail now."""
    raise LeaseLost("another's")
