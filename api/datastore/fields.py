"""How the Datastore API writes values that JSON has no type for, and reads those of a query string."""

import re
from datetime import UTC, datetime

from marshmallow import fields

_DIGITS = re.compile(r"[0-9]{1,40}")


def postgres_text(moment: datetime) -> str:
    """The moment as Postgres prints it in UTC, as short as it can: `2022-08-16 06:26:55.98514+00`."""
    text = moment.astimezone(UTC).isoformat(" ").removesuffix("+00:00")
    return (text.rstrip("0") if moment.microsecond else text) + "+00"


class Moment(fields.String):
    """A moment as Postgres prints it, null where it was not reached."""

    def _serialize(self, value: object, attr: str | None, obj: object, **kwargs: object) -> str | None:
        return postgres_text(value) if isinstance(value, datetime) else None


class Positive(fields.Integer):
    """A positive integer in plain ASCII digits."""

    default_error_messages = {"invalid": "Must be a positive integer."}  # noqa: RUF012

    def _deserialize(self, value: str, attr: str | None, data: object, **kwargs: object) -> int:
        if _DIGITS.fullmatch(value) is None or not value.strip("0"):
            raise self.make_error("invalid")
        return int(value)


class Truth(fields.Boolean):
    """`true` or `false`, and nothing that only resembles them."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value
