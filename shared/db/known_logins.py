"""Which accounts have logged in from where: an account and an address together, by the hash of both."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

IS_KNOWN = "SELECT EXISTS (SELECT FROM known_logins WHERE place = :place AND last_at >= :since)"

NOTE = """
INSERT INTO known_logins (place, last_at) VALUES (:place, :now)
ON CONFLICT (place) DO UPDATE SET last_at = excluded.last_at
"""

FORGET = """
DELETE FROM known_logins
 WHERE place IN (
    SELECT place FROM known_logins
     WHERE last_at < :before ORDER BY last_at LIMIT :limit
       FOR UPDATE SKIP LOCKED)
"""


def is_known(session: Session, place: bytes, *, since: datetime) -> bool:
    """Whether the account has logged in from there since that moment."""
    return bool(session.execute(text(IS_KNOWN), {"place": place, "since": since}).scalar_one())


def note(session: Session, place: bytes, now: datetime) -> None:
    """The account has logged in from there."""
    session.execute(text(NOTE), {"place": place, "now": now})


def forget(session: Session, before: datetime, *, limit: int) -> None:
    """Remove up to `limit` places without a login since that moment, longest ago first."""
    session.execute(text(FORGET), {"before": before, "limit": limit})
