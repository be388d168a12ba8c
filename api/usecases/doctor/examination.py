"""Every check, in the order in which one would look."""

from collections.abc import Iterator

from api.usecases.doctor.database import check_database
from api.usecases.doctor.findings import Finding, Verdict, warn
from api.usecases.doctor.fitting import judge_settings
from api.usecases.doctor.surroundings import (
    check_collector,
    check_mails,
    check_proxies,
    check_redis,
    check_storage,
    check_temporary_folder,
)
from api.usecases.doctor.work import check_work
from shared.ground import Ground


def examine(ground: Ground) -> Iterator[Finding]:
    """Findings as they come. Takes seconds where something does not answer; changes nothing."""
    yield from judge_settings(ground.settings)
    in_database = check_database(ground)
    yield from in_database
    yield from check_redis(ground)
    if _has_schema(in_database):
        # Without Redis there is no sweep, and nobody who knows of the last one.
        if ground.dispatcher.takes_nudges():
            yield from check_work(ground)
        yield from check_storage(ground)
    else:
        # The database knows which volume is the right one.
        yield warn("storage", "It was not looked at.", "Ask again when the database has its schema.")
    yield check_temporary_folder()
    yield check_mails(ground)
    yield from check_proxies(ground.settings)
    yield from check_collector(ground)


def _has_schema(findings: list[Finding]) -> bool:
    return any(finding.subject == "schema" and finding.verdict is Verdict.OK for finding in findings)
