"""Settings that are each allowed, and do not fit each other. Decisions only."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from api.usecases.doctor.findings import Finding, ok, warn
from shared.settings import Settings

_USUAL_HOST = "localhost"


def judge_settings(settings: Settings) -> list[Finding]:
    """One finding for each pair that does not fit; one that tells so where all do."""
    return list(_misfits(settings)) or [ok("settings", "They can be used and fit each other.")]


def _misfits(settings: Settings) -> Iterator[Finding]:
    yield from _timing(settings)
    yield from _limits(settings)
    yield from _addresses(settings)


def _timing(s: Settings) -> Iterator[Finding]:
    if s.sweep_seconds > s.lease_seconds:
        found = f"LONGSHORE_SWEEP_SECONDS is {s.sweep_seconds:g}, longer than a lease of {s.lease_seconds:g}."
        yield warn("settings", found, "Look for lost work at least once a lease, or it waits that long.")
    if s.patience_seconds < 2 * s.lease_seconds:
        found = f"LONGSHORE_PATIENCE_SECONDS is {s.patience_seconds:g}, less than two leases."
        yield warn("settings", found, "Raise it: a short fault of the database would end imports as failed.")
    if s.attempts == 1:
        found = "LONGSHORE_ATTEMPTS is 1."
        yield warn("settings", found, "Raise it: one worker that is killed would end its import as failed.")


def _limits(s: Settings) -> Iterator[Finding]:
    if s.worker_processes is not None and s.service_long_jobs >= s.worker_processes:
        found = f"LONGSHORE_SERVICE_LONG_JOBS is {s.service_long_jobs}, of {s.worker_processes} processes."
        yield warn(
            "settings", found, "With one worker only, a data service's exports keep all others waiting."
        )
    for name in ("block_limit_bytes", "upload_limit_bytes"):
        if getattr(s, name) > s.stored_bytes:
            found = f"LONGSHORE_{name.upper()} is more than LONGSHORE_STORED_BYTES."
            yield warn(
                "settings", found, "Such an upload is always refused: lower the one or raise the other."
            )


def _addresses(s: Settings) -> Iterator[Finding]:
    host = urlsplit(s.public_url).hostname
    if s.base_domain != _USUAL_HOST and host == _USUAL_HOST:
        found = f"LONGSHORE_BASE_DOMAIN is {s.base_domain}, and LONGSHORE_PUBLIC_URL leads to {_USUAL_HOST}."
        yield warn("settings", found, "Set LONGSHORE_PUBLIC_URL: links in mails would lead nowhere.")
    if (s.smtp_url or "").startswith("smtp") and s.mail_from.endswith(f"@{_USUAL_HOST}"):
        found = f"Mails come from {s.mail_from}."
        yield warn("settings", found, "Set LONGSHORE_MAIL_FROM: many mail servers refuse such a sender.")
