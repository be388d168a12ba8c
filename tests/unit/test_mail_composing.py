"""What a mail says, and that nothing in a job can make it say or do anything else."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.addresses import sender_address
from shared.mail.composing import compose
from shared.mail.faults import MailRefused
from shared.mail.reports import JobReport, Link, Outcome
from tests.mails import a_report

JOB = UUID("0192f3a4-0000-7000-8000-000000000007")
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}

A_LINK = Link(
    name="accounts-1.json", url="https://example.org/files/1?expires=2&signature=3", size_bytes=68_123_456
)


def composed(recipient: str = "joe@example.com", **changes: Any) -> EmailMessage:
    """The mail as a mail program reads it from the wire."""
    message = compose(
        a_report(**changes),
        job_id=JOB,
        sender=sender_address("Longshore <longshore@example.org>"),
        recipient=recipient,
        composed_at=datetime(2026, 11, 22, 14, 5, tzinfo=UTC),
    )
    return message_from_bytes(message.as_bytes(), policy=default)  # type: ignore[return-value]


def text(message: EmailMessage) -> str:
    return str(message.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]


def html(message: EmailMessage) -> str:
    return str(message.get_body(("html",)).get_content())  # type: ignore[union-attr]


class Seen(HTMLParser):
    """The elements of a page, what it refers to, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.references: list[str | None] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.references += [value for name, value in attrs if name in ("href", "src", "background", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_mail_tells_about_the_job():
    message = composed(
        records_processed=1_234_567, records_created=1_234_000, records_rejected=567, run_time_ms=83_512
    )

    for body in (text(message), Seen(html(message)).text):
        for told in (
            "Your import is complete",
            "Completed",
            "3 records were imported.",
            "Nightly accounts",
            "Account",
            "demo",
            "1,234,567",
            "1,234,000",
            "567",
            "1 min 24 s",
            str(JOB),
        ):
            assert told in body
        assert "Deleted" not in body


@pytest.mark.parametrize(
    ("outcome", "subject"),
    [
        (Outcome.COMPLETED, 'Export "Nightly accounts" completed'),
        (Outcome.REJECTED, 'Export "Nightly accounts" was rejected'),
        (Outcome.CANCELED, 'Export "Nightly accounts" was canceled'),
        (Outcome.FAILED, 'Export "Nightly accounts" failed'),
    ],
)
def test_the_subject_says_how_it_ended(outcome: Outcome, subject: str):
    assert composed(kind="export", outcome=outcome)["Subject"] == subject


def test_a_job_without_a_name_is_told_about_too():
    message = composed(job_name=None, item_type=None)

    assert message["Subject"] == "Import completed"
    assert "Job name:          (none)" in text(message)


def test_the_links_of_an_export_are_complete_and_say_until_when():
    message = composed(
        kind="export", links=(A_LINK,), links_expire_at=datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
    )

    assert f"accounts-1.json (68.1 MB)\n{A_LINK.url}\n" in text(message)
    assert "until 29 November 2026, 14:05 UTC" in text(message)
    assert Seen(html(message)).references == [A_LINK.url]
    assert "29 November 2026, 14:05 UTC" in html(message)


def test_the_page_loads_nothing_and_runs_nothing():
    page = html(composed())

    assert Seen(page).references == []
    assert not Seen(page).elements & {"script", "img", "link", "style", "iframe", "form"}
    assert "url(" not in page


def test_the_headers_are_those_of_an_automatic_mail():
    message = composed()

    assert set(message.keys()) == HEADERS
    assert (message["From"], message["To"]) == ("Longshore <longshore@example.org>", "joe@example.com")
    assert message["Date"].datetime == datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_same_job_has_the_same_message_id():
    assert composed()["Message-ID"] == composed(reason="Again.")["Message-ID"] == f"<{JOB}@example.org>"


@pytest.mark.parametrize(
    "name",
    [
        "x\r\nBcc: eve@example.com",
        "x\nBcc: eve@example.com\n\n<script>alert(1)</script>",
        "x\rBcc: eve@example.com",
        "x\u2028Bcc: eve@example.com",
        "x\x00\x1b[31m\x7f\x85y",
        "=?utf-8?q?x=0D=0ABcc:_eve@example.com?=",
        "x" * 10_000,
        "Ünïcödé 名前 🚢 " * 300,
        '"><img src=x onerror=alert(1)>',
        "{{ job_id }}{% raw %}",
    ],
)
def test_a_name_stays_a_name(name: str):
    message = composed(job_name=name, item_type=name, reason=name, community=name)

    assert set(message.keys()) == HEADERS
    assert len(message["Subject"]) < 100
    assert not {character for character in message["Subject"] if ord(character) < 32}
    assert not any(line.startswith("Bcc:") for line in text(message).splitlines())
    assert Seen(html(message)).elements == Seen(html(composed())).elements


@given(st.text(max_size=300))
def test_no_text_adds_a_header_or_an_element(name: str):
    message = composed(job_name=name, reason=name)

    assert set(message.keys()) == HEADERS
    assert message["To"] == "joe@example.com"
    assert Seen(html(message)).elements == Seen(html(composed())).elements


def test_a_name_cannot_turn_the_text_around_it():
    assert composed(job_name="fdp.\u202eexe")["Subject"] == 'Import "fdp.exe" completed'


@pytest.mark.parametrize("words", ["ü", "名前" * 2500, "x" * 5000])
def test_every_relay_can_carry_it(words: str):
    message = compose(
        a_report(job_name=words, reason=words, links=(A_LINK,)),
        job_id=JOB,
        sender=sender_address("longshore@example.org"),
        recipient="joe@example.com",
        composed_at=datetime(2026, 11, 22, tzinfo=UTC),
    )

    wire = message.as_bytes()

    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 78
    assert b"\n" not in wire.replace(b"\r\n", b"")


def test_a_report_survives_its_row():
    report = a_report(
        kind="export", links=(A_LINK,), links_expire_at=datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
    )

    assert JobReport.from_json(report.as_json()) == report


@pytest.mark.parametrize("content", [{}, {"kind": "import"}, {**a_report().as_json(), "outcome": "well"}])
def test_what_is_no_report_is_refused(content: dict[str, Any]):
    with pytest.raises(MailRefused, match="not a job report"):
        JobReport.from_json(content)


def test_the_mail_names_the_id_that_the_jobs_owner_chose():
    mail = composed(job_id="chosen")

    assert "chosen" in text(mail)
    assert "chosen" in html(mail)
    assert str(JOB) not in text(mail) + html(mail)
    assert mail["Message-ID"] == f"<{JOB}@example.org>"
