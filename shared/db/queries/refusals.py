"""What is wrong with a client's query, or with the role that would run it."""

from typing import ClassVar

from shared.errors import LongshoreError


class QueryRefused(LongshoreError):
    """A client's SQL is not allowed, cannot be understood or asks too much; the message tells what."""

    code: ClassVar[str] = "query_refused"


class ReaderRefused(LongshoreError):
    """The reader's role is missing, cannot be made or must not be used; the message tells what to do."""

    code: ClassVar[str] = "reader_refused"
