"""The database: is it there, will it do, is it of this release, and does its clock agree with ours."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from api.usecases.doctor.findings import Finding, fail, failed, ok, warn
from shared.db import examining, maintenance
from shared.db.database import Database
from shared.db.examining import ServerFacts
from shared.db.queries.reader import examine_reader, reader_of
from shared.db.queries.refusals import ReaderRefused
from shared.db.server import require_usable_server
from shared.db.versions import current_version, newest_version
from shared.errors import DatabaseUnavailable, DatabaseUnusable
from shared.ground import Ground
from shared.settings import Settings

_SKEW_SECONDS = 2.0
_WRONG_SECONDS = 60.0
_CROWDED = 0.8

# What may be wrong with a server, how bad that is, how it is told and what to do.
_WRONG: tuple[tuple[Callable[[ServerFacts], bool], Callable[[str, str, str], Finding], str, str], ...] = (
    (
        lambda facts: facts.is_standby,
        fail,
        "The server is a standby and takes no writes.",
        "Name the primary in DATABASE_URL.",
    ),
    (
        lambda facts: not facts.syncs,
        fail,
        "fsync is off.",
        "Turn it on: a crash loses what was acknowledged, or everything.",
    ),
    (
        lambda facts: not facts.commits_durably,
        fail,
        "synchronous_commit is off.",
        "Turn it on: a crash loses what was acknowledged.",
    ),
    (
        lambda facts: not facts.writes_full_pages,
        warn,
        "full_page_writes is off.",
        "Turn it on unless the file system writes whole pages.",
    ),
    (
        lambda facts: not facts.makes_temporary_tables,
        fail,
        "This login may make no temporary tables.",
        "GRANT TEMPORARY ON DATABASE to it.",
    ),
    (
        lambda facts: not facts.makes_schemas,
        warn,
        "This login may make no schemas.",
        "GRANT CREATE ON DATABASE to it, to migrate.",
    ),
)


def check_database(ground: Ground) -> list[Finding]:
    """Findings on the server; on the schema and what is in it where there is one of this release."""
    try:
        with ground.database.begin() as session:
            require_usable_server(session)
            facts, version = examining.examine(session), current_version(session)
        findings = [*judge_server(facts), judge_clock(*_skew(ground.database))]
        findings.append(schema := judge_schema(version, newest_version()))
        return findings if schema.advice else [*findings, *_within(ground)]
    except DatabaseUnavailable as error:
        return [
            failed("database", error, "Start it, or correct DATABASE_URL. All of the service waits for it.")
        ]
    except DatabaseUnusable as error:
        return [fail("database", str(error), "Nothing works before.")]


def judge_server(facts: ServerFacts) -> list[Finding]:
    """What of the server's state and settings keeps promises from being kept."""
    return list(_misgivings(facts)) or [
        ok(
            "database",
            f"PostgreSQL {facts.version}, {facts.connections} of {facts.max_connections} connections.",
        )
    ]


def judge_schema(version: str | None, newest: str) -> Finding:
    """Whether this release can work on the schema."""
    if version is None or version < newest:
        found = f"The schema is at version {version or 'none'}; this release needs {newest}."
        return fail("schema", found, "Run longshore migrate.")
    return ok("schema", f"Version {version}.")


def judge_clock(skew_seconds: float, doubt_seconds: float) -> Finding:
    """Whether this machine and the database's agree on the time, known but for the doubt."""
    apart = max(0.0, abs(skew_seconds) - doubt_seconds)
    side = "ahead of" if skew_seconds > 0 else "behind"
    told = f"This machine is {abs(skew_seconds):.1f} s {side} the database."
    if apart <= _SKEW_SECONDS:
        return ok("clock", told)
    advice = "Let both follow NTP: tokens and links end at another moment than they say."
    return (fail if apart > _WRONG_SECONDS else warn)("clock", told, advice)


def _misgivings(facts: ServerFacts) -> Iterator[Finding]:
    for is_wrong, judge, found, advice in _WRONG:
        if is_wrong(facts):
            yield judge("database", found, advice)
    if facts.connections >= _CROWDED * facts.max_connections:
        found = f"{facts.connections} of {facts.max_connections} connections are in use."
        yield warn("database", found, "Raise max_connections, or lower LONGSHORE_DATABASE_POOL.")


def _skew(database: Database) -> tuple[float, float]:
    """Seconds that we are ahead, and how far that may be off."""
    with database.begin() as session:
        examining.clock(session)  # the connection is made, and the transaction begun
        before = time.time()
        theirs = examining.clock(session).timestamp()
        after = time.time()
    return (before + after) / 2 - theirs, (after - before) / 2


def _within(ground: Ground) -> Iterator[Finding]:
    yield _check_reader(ground.database, ground.settings)
    with ground.database.begin() as session:
        found = maintenance.found(session)
    if found is not None:
        told = f"There is maintenance since {found.began_at:%Y-%m-%d %H:%M} UTC: everything waits."
        yield warn("maintenance", told, "End it with longshore maintenance off.")


def _check_reader(database: Database, settings: Settings) -> Finding:
    reader = reader_of(settings.database_url, settings.reader_url)
    try:
        with database.begin() as session:
            examine_reader(session, reader)
        with closing(Database(reader.url, pool_size=1)) as login:
            login.ping()
    except ReaderRefused as refusal:
        return fail("reader", str(refusal), "Exports with sqlQuery are rejected until then.")
    except DatabaseUnavailable as error:
        advice = f"Let {reader.role} log in (pg_hba.conf, password), then run longshore migrate."
        return failed("reader", error, advice)
    return ok("reader", f"Clients' SQL runs as {reader.role}.")
