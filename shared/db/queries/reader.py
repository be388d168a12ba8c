"""The role that runs clients' queries: who it is, and how it is made.

It may log in and read one view (`reader_schema`); it owns nothing and belongs to no other role.
"""

import hmac
from dataclasses import dataclass, field
from typing import cast

import psycopg2
from psycopg2.extensions import connection, encrypt_password
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from shared.db.queries import reader_schema
from shared.db.queries.columns import identifier, literal
from shared.db.queries.refusals import ReaderRefused

_IDENTIFIER_BYTES = 63


@dataclass(frozen=True)
class Reader:
    """The role's name, its password where it has one, and the URL by which it logs in."""

    role: str
    password: str | None = field(repr=False)
    url: str = field(repr=False)


def reader_of(database_url: str, reader_url: str | None = None) -> Reader:
    """The reader that `reader_url` names; without one, a role of its own for each database.

    Its password then follows from the owner's. Where the owner has none (a Unix socket), neither has the
    reader: a password that can be guessed would be worse.
    """
    if reader_url:
        given = make_url(reader_url)
        return Reader(given.username or "", given.password, reader_url)
    owner = make_url(database_url)
    role = f"longshore_reader_{owner.database or owner.username or ''}"
    password = owner.password and hmac.digest(owner.password.encode(), role.encode(), "sha256").hex()
    url = owner.set(drivername="postgresql", username=role, password=password)
    return Reader(role, password, url.render_as_string(hide_password=False))


ROLE = """
SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)
       OR has_table_privilege(r.oid, 'documents', 'SELECT') AS is_mighty
  FROM pg_roles r WHERE r.rolname = :role
"""

OWN_RIGHTS = """
SELECT rolsuper, rolsuper OR rolcreaterole AS makes_roles,
       has_database_privilege(current_database(), 'CREATE') AS makes_schemas
  FROM pg_roles WHERE rolname = current_user
"""

GRANTS = """
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA longshore_reader TO {role};
GRANT SELECT ON longshore_reader.documents TO {role}
"""

# What everybody may do who logs in, unless it is taken away: fill the disk with temporary tables.
FOR_OWNERS = """
GRANT TEMPORARY ON DATABASE {database} TO CURRENT_USER;
REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC
"""
# The same with large objects; only a superuser can take it away.
FOR_SUPERUSERS = """
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC
"""

# Whoever logs in as the role gets these, also where nobody asked for them.
DEFAULTS = {
    "search_path": "''",
    "default_transaction_read_only": "on",
    "statement_timeout": "'5min'",
    "lock_timeout": "'5s'",
    "idle_in_transaction_session_timeout": "'10min'",
    "work_mem": "'32MB'",
}
# These can only be set by a superuser. Sessions of one role see each other's statements, and so would
# tenants of each other, had they a way to look.
SUPERUSER_DEFAULTS = {"temp_file_limit": "'4GB'", "track_activities": "off"}


def ensure_reader(session: Session, reader: Reader) -> None:
    """Make the role and what it may read, as this release needs it; safe to call again.

    The session's user owns the documents, and must be allowed to make schemas and, unless the role is
    there already, roles. Raises ReaderRefused, with nothing done, where that or the role itself is wrong.
    """
    rights = session.execute(text(OWN_RIGHTS)).one()
    is_mighty = session.execute(text(ROLE), {"role": reader.role}).scalar()
    refusal = _refusal(
        reader.role, is_mighty=is_mighty, makes_roles=rights.makes_roles, makes_schemas=rights.makes_schemas
    )
    if refusal:
        raise ReaderRefused(refusal)
    role = identifier(reader.role)
    if is_mighty is None:
        _execute(session, f"CREATE ROLE {role} LOGIN")
    defaults = DEFAULTS | (SUPERUSER_DEFAULTS if rights.rolsuper else {})
    _set_up(session, reader, defaults)
    reader_schema.install(session)
    database = identifier(_database(session))
    _execute(session, GRANTS.format(role=role, database=database))
    _try(session, FOR_OWNERS.format(database=database))
    if rights.rolsuper:
        _execute(session, FOR_SUPERUSERS)


def examine_reader(session: Session, reader: Reader) -> None:
    """Raises ReaderRefused where the role or its schema is not there, or allows more than it should."""
    is_mighty = session.execute(text(ROLE), {"role": reader.role}).scalar()
    if is_mighty is None:
        raise ReaderRefused(f"The role {reader.role} is missing: run longshore migrate.")
    refusal = _refusal(reader.role, is_mighty=is_mighty, makes_roles=False, makes_schemas=True)
    if refusal:
        raise ReaderRefused(refusal)
    reader_schema.require_installed(session)


def _refusal(role: str, *, is_mighty: bool | None, makes_roles: bool, makes_schemas: bool) -> str | None:
    """Why the role cannot be used or made; `is_mighty` is None for a role that is not there."""
    if not role or len(role.encode()) > _IDENTIFIER_BYTES:
        return f"{role!r} cannot be the name of a role: set LONGSHORE_READER_URL to one of up to 63 bytes."
    if is_mighty:
        return f"The role {role} may do more than read: set LONGSHORE_READER_URL to a role without rights."
    if is_mighty is None and not makes_roles:
        return (
            f"The role {role} is missing and this user may not make it: have an administrator run "
            f"CREATE ROLE {identifier(role)} LOGIN PASSWORD '...', then set LONGSHORE_READER_URL and migrate."
        )
    if not makes_schemas:
        return "This user may not make schemas: have an administrator grant it CREATE on the database."
    return None


def _set_up(session: Session, reader: Reader, defaults: dict[str, str]) -> None:
    """Password and defaults of the role; a role that an administrator keeps is left as it is."""
    role, database = identifier(reader.role), identifier(_database(session))
    statements = [f"ALTER ROLE {role} IN DATABASE {database} SET {k} = {v}" for k, v in defaults.items()]
    if reader.password:
        # Sent as a verifier: the server's log may show statements.
        verifier = encrypt_password(reader.password, reader.role, _driver(session), "scram-sha-256")
        statements.append(f"ALTER ROLE {role} PASSWORD {literal(verifier)}")
    _try(session, "; ".join(statements))


def _try(session: Session, statement: str) -> None:
    """Run it, if this user may."""
    savepoint = session.begin_nested()
    try:
        _execute(session, statement)
    except psycopg2.errors.InsufficientPrivilege:
        savepoint.rollback()
    else:
        savepoint.commit()


def _database(session: Session) -> str:
    return str(session.execute(text("SELECT current_database()")).scalar_one())


def _driver(session: Session) -> connection:
    return cast("connection", session.connection().connection.driver_connection)


def _execute(session: Session, statement: str) -> None:
    with _driver(session).cursor() as cursor:
        cursor.execute(statement)
