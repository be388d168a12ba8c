"""What a mail tells about a job, as a value that survives a row of JSON."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from shared.mail.faults import MailRefused


class Outcome(StrEnum):
    """How a job can end."""

    COMPLETED = "completed"
    REJECTED = "rejected"  # its parameters or its file could not be used
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A file to download."""

    name: str
    url: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """The end of an import or export, for the person who asked for it.

    A count that is None does not apply to the job and is not shown.
    """

    kind: Literal["import", "export"]
    outcome: Outcome
    reason: str  # one sentence, with counts
    community: str
    job_id: str | None = None  # the one that its owner knows, where it is told
    job_name: str | None = None
    item_type: str | None = None
    records_processed: int = 0
    records_created: int | None = None
    records_updated: int | None = None
    records_deleted: int | None = None
    records_skipped: int | None = None
    records_rejected: int | None = None
    run_time_ms: int = 0
    links: tuple[Link, ...] = ()
    links_expire_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The content of a notification's row."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "JobReport":
        """What `as_json` gave. Raises MailRefused for anything else: waiting would not mend it."""
        try:
            return msgspec.convert(content, cls)
        except msgspec.ValidationError as error:
            raise MailRefused(f"The notification's content is not a job report: {error}.") from error
