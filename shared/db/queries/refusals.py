"""What is wrong with a client's query, or with the role that would run it."""

from typing import ClassVar

from shared.errors import LongshoreError


class QueryRefused(LongshoreError):
    """A client's SQL is not allowed, cannot be understood or asks too much; the message tells what."""

    code: ClassVar[str] = "query_refused"


def ambiguous(name: str, alias: str) -> str:
    """What is wrong with a column that several properties fit."""
    return (
        f"{name!r} is ambiguous: several properties of {alias} are called so, but for case. Write one of them"
        f" in double quotes, exactly, and no other in this query; {alias}.data->>'...' gives any of them."
    )


def same_beginning(name: str, other: str) -> str:
    """What is wrong with two columns in one query whose long names differ late."""
    return (
        f"{name!r} and {other!r} begin with the same 63 bytes, and SQL looks at no more of a name: write"
        " data->>'...' for one of them."
    )


class ReaderRefused(LongshoreError):
    """The reader's role is missing, cannot be made or must not be used; the message tells what to do."""

    code: ClassVar[str] = "reader_refused"
