"""What the database says about a client's query, in words that may be shown to the client.

A message is passed on only where it can name nothing but what the query named itself; values of
documents, tables and roles stay unsaid.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from shared.db.queries.refusals import QueryRefused

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SAID_BY_THE_DATABASE = {
    "0A000",  # feature not supported
    "21000",  # more than one row where one is expected
    "42601",  # syntax
    "42702",  # ambiguous column
    "42703",  # undefined column
    "42712",  # duplicate alias
    "42725",  # ambiguous function
    "42803",  # grouping
    "42804",  # datatype mismatch
    "42846",  # cannot cast
    "42883",  # undefined function or operator
    "42P08",  # ambiguous parameter
    "42P10",  # invalid column reference
    "42P18",  # indeterminate datatype
    "42P19",  # invalid recursion
    "42P20",  # windowing
}
_NO_SUCH_OPERATOR = "42883"
_TEXT = re.compile(r"\btext\b")
_CAST = (
    " What no schema gives another type is text: cast it, as in (...)::numeric, or put the value that it is"
    " compared with in quotes."
)
_TOO_LONG = "57014"
# The last one is how a single value beyond a gigabyte is told, beside other things that are the query's own.
_TOO_LARGE = ("53", "54", "XX000")
_VALUES = "22"
_SQL = "42"


@contextmanager
def explained() -> Iterator[None]:
    """Raise the database's verdict on the statement as QueryRefused; other errors rise as they are."""
    try:
        yield
    except psycopg2.Error as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise QueryRefused(reason) from error


def _reason(error: psycopg2.Error) -> str | None:
    state = error.pgcode or ""
    if state == _TOO_LONG:
        return "The SQL takes too long: narrow it down, or use fewer joins."
    if state.startswith(_TOO_LARGE):
        return "The SQL needs more memory or space than a query may have: narrow it down."
    if state in _SAID_BY_THE_DATABASE:
        said = str(error.diag.message_primary)
        return f"The SQL cannot be run: {said}.{_advice(state, said)}"
    if state.startswith(_VALUES):
        return f"The SQL fails on a value ({_words(error)}): guard it with CASE or a condition."
    return "The SQL cannot be run." if state.startswith(_SQL) else None


def _advice(state: str, said: str) -> str:
    return _CAST if state == _NO_SUCH_OPERATOR and _TEXT.search(said) else ""


def _words(error: psycopg2.Error) -> str:
    """The condition's own name: DivisionByZero is "division by zero"."""
    return " ".join(re.findall("[A-Z][a-z]*", type(error).__name__)).lower()
