"""What was looked at, how it was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import LongshoreError


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # it works, and something will go wrong or cannot be known
    FAIL = "fail"  # something does not work, or a promise cannot be kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis; `advice` is empty where there is nothing to do."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, Verdict.OK, found)


def warn(subject: str, found: str, advice: str) -> Finding:
    """Something to think about."""
    return Finding(subject, Verdict.WARN, found, advice)


def fail(subject: str, found: str, advice: str) -> Finding:
    """Something to do."""
    return Finding(subject, Verdict.FAIL, found, advice)


def failed(subject: str, error: LongshoreError, advice: str) -> Finding:
    """A check that broke, with the reason that clients are not told."""
    cause = str(error.__cause__ or "").partition("\n")[0]
    return fail(subject, f"{error} {cause}".strip(), advice)
