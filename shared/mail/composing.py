"""From a job report to a mail: subject, plain text and HTML.

How it looks is in `job.txt` and `job.html`, beside this file. They place values that are worded
here, and the HTML escapes each of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from shared.mail.addresses import recipient_address
from shared.mail.reports import JobReport, Outcome
from shared.mail.wording import duration, moment, one_line, size

# Relays need not take bytes beyond ASCII, so bodies are encoded where they hold any.
_POLICY = SMTP.clone(cte_type="7bit")

_SUBJECT_NAME_CHARACTERS = 70
_NAME_CHARACTERS = 200
_REASON_CHARACTERS = 2000


@dataclass(frozen=True)
class _Tone:
    verb: str
    headline: str
    colour: str  # of white text's background: dark enough to read (WCAG AA)


_TONES = {
    Outcome.COMPLETED: _Tone("completed", "Your {kind} is complete", "#1a7f37"),
    Outcome.REJECTED: _Tone("was rejected", "Your {kind} was rejected", "#b35900"),
    Outcome.CANCELED: _Tone("was canceled", "Your {kind} was canceled", "#57606a"),
    Outcome.FAILED: _Tone("failed", "Your {kind} failed", "#cf222e"),
}


def compose(
    report: JobReport, *, job_id: UUID, sender: Address, recipient: str, composed_at: datetime
) -> EmailMessage:
    """The mail about a job's end. The same job always gives the same Message-ID.

    Raises MailRefused where `recipient` is not one address.
    """
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = recipient_address(recipient)
    message["Subject"] = _subject(report)
    message["Date"] = composed_at
    message["Message-ID"] = f"<{job_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is away from this desk
    values = _values(report, job_id)
    message.set_content(_template("job.txt").render(values))
    message.add_alternative(_template("job.html").render(values), subtype="html")
    return message


def _subject(report: JobReport) -> str:
    # "=?" begins an encoded word, which would be decoded to whatever it hides, line breaks included.
    name = one_line(report.job_name or "", _SUBJECT_NAME_CHARACTERS).replace("=?", "= ?")
    what = f'{report.kind.capitalize()} "{name}"' if name else report.kind.capitalize()
    return f"{what} {_TONES[report.outcome].verb}"


def _values(report: JobReport, job_id: UUID) -> dict[str, Any]:
    tone = _TONES[report.outcome]
    return {
        "headline": tone.headline.format(kind=report.kind),
        "colour": tone.colour,
        "reason": one_line(report.reason, _REASON_CHARACTERS),
        "facts": list(_facts(report)),
        "links": [
            (one_line(link.name, _NAME_CHARACTERS), link.url, size(link.size_bytes)) for link in report.links
        ],
        "links_expire": moment(report.links_expire_at) if report.links_expire_at else None,
        "job_id": report.job_id or str(job_id),
    }


def _facts(report: JobReport) -> Iterator[tuple[str, str]]:
    """What there is to tell, with its label."""
    yield "Status", report.outcome.capitalize()
    yield "Job name", one_line(report.job_name or "", _NAME_CHARACTERS) or "(none)"
    yield "Item type", one_line(report.item_type or "", _NAME_CHARACTERS) or "(none)"
    yield "Community", one_line(report.community, _NAME_CHARACTERS)
    counts = {
        "Records processed": report.records_processed,
        "Created": report.records_created,
        "Updated": report.records_updated,
        "Deleted": report.records_deleted,
        "Skipped": report.records_skipped,
        "Rejected": report.records_rejected,
    }
    yield from ((label, f"{count:,}") for label, count in counts.items() if count is not None)
    yield "Run time", duration(report.run_time_ms)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _template(name: str) -> Template:
    return _templates().get_template(name)
