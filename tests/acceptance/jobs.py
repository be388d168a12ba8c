"""Batch jobs from their order to their outcome, and the mails about them."""

from email.message import EmailMessage
from html import unescape
from typing import Any

from tests.acceptance.liquid_client import LiquidClient
from tests.supplies.mails import Mails


def imported(liquid: LiquidClient, item_type: str, content: bytes, **fields: str) -> dict[str, Any]:
    """An import of a file, when it has ended."""
    given = {"jobName": "in", "itemType": item_type, "contentType": "application/json", **fields}
    return liquid.wait_for_end(liquid.start_import("data.json", content, **given)["jobId"])


def exported(liquid: LiquidClient, item_type: str, **fields: str) -> bytes:
    """What an export wrote, all its files one after the other."""
    given = {"jobName": "out", "itemType": item_type, "contentType": "application/json", **fields}
    return downloaded(liquid, liquid.wait_for_end(liquid.start_export(**given)["jobId"]))


def downloaded(liquid: LiquidClient, job: dict[str, Any]) -> bytes:
    """What is behind the links of a completed export."""
    assert job["status"] == "Completed", job
    return b"".join(liquid.download(link) for link in job["links"])


def mails_about(mails: Mails, job_name: str) -> list[EmailMessage]:
    """The mails about a job that have come so far."""
    return [mail for mail in mails.messages() if job_name in str(mail["Subject"])]


def texts_of(mail: EmailMessage) -> list[str]:
    """What the mail says, plainly and in HTML."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return [plain.get_content(), unescape(html.get_content())]
