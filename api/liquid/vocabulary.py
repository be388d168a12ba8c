"""How this door writes a job, and the words that it takes for parameters."""

from collections.abc import Mapping
from typing import Any

from api.usecases.jobs import JobRefused, ShownJob

SUBMIT_TIME = "%Y-%m-%dT%H:%M:%S+0000"

# The vendor's own pages spell the second one both ways.
IS_CSV: Mapping[str, bool] = {
    "application/json": False,
    "application/x-ndjson": False,
    "application/ndjson": False,
    "text/plain": True,
    "plain/text": True,
    "text/csv": True,
    "application/csv": True,
}
SEPARATORS: Mapping[str, str] = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "pipe": "|",
    "colon": ":",
    "space": " ",
}
_NO_SEPARATORS = frozenset("\"'\\ ")  # quotes, and what escapes a name; a blank has a name of its own
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", "none", ""})

_CONTENT_TYPES = "application/json or text/plain is expected."
CONTENT_TYPE_MISSING = f"The parameter contentType is missing: {_CONTENT_TYPES}"


def status_object(shown: ShownJob) -> dict[str, Any]:
    """The job as clients read it, its fields in the order and with the types of the published page."""
    job, view = shown.job, shown.view
    email = {"notificationEmail": job.notification_email} if job.notification_email else {}
    return {
        "submitTime": job.submitted_at.strftime(SUBMIT_TIME),
        "jobId": str(job.told_id),
        **email,
        "jobName": job.job_name or "",
        "contentType": job.content_type or "",
        "itemType": job.item_type or "",
        "recordsProcessed": str(view.records_processed),
        "runTime": str(view.run_time_ms),
        "status": view.status,
        "reason": view.reason,
        "recordsRejected": str(view.records_rejected),
        "percentComplete": view.percent_complete,
        "links": shown.links,
    }


def boolean(name: str, text: str | None) -> bool:
    """What `text` says in any case; False where nothing is said. Raises JobRefused."""
    word = (text or "").strip().lower()
    if word not in _TRUE | _FALSE:
        raise JobRefused(f"The parameter {name} is {text!r}: true or false is expected.")
    return word in _TRUE


def separator(text: str | None) -> str:
    """The character that `text` is or names, empty where nothing is said. Raises JobRefused."""
    if not text:
        return ""
    found = SEPARATORS.get(text.strip().lower(), text.strip() or text)
    is_usable = found in SEPARATORS.values() or (
        len(found) == 1 and found.isprintable() and not found.isalnum() and found not in _NO_SEPARATORS
    )
    if not is_usable:
        raise JobRefused(
            f"The parameter separator is {text!r}: comma, semicolon, tab, pipe, colon, space, or another"
            " single character that is no letter, digit, quote or backslash is expected."
        )
    return found


def is_csv(content_type: str) -> bool:
    """Whether the content type, parameters such as charset cut off, means CSV. Raises JobRefused."""
    known = IS_CSV.get(content_type.strip().lower())
    if known is None:
        raise JobRefused(f"The contentType {content_type!r} is not known: {_CONTENT_TYPES}")
    return known
