"""What else the service stands on: Redis, storage, mails, room on disks, proxies and who takes its traces."""

import shutil
import tempfile
from collections.abc import Mapping

from api.usecases.doctor.findings import Finding, fail, failed, ok, warn
from shared import tracing
from shared.addresses import look_up
from shared.db import volumes
from shared.errors import SettingsInvalid, StorageAway, StorageFault
from shared.ground import Ground
from shared.mail.faults import MailFault
from shared.mail.sending import open_mailer
from shared.settings import Settings
from shared.storage.contract import BlockStorage

GIB = 1024**3
_SCARCE_BYTES = 10 * GIB
_TOO_LITTLE_BYTES = GIB
_SET_ASIDE_BYTES = 4 * GIB  # of a query's rows
_PROBE = "doctor"
_OLDEST_REDIS = (6, 2)  # that the tests have passed on
_KEYS = 100  # of each kind: in a bucket each is a request


def check_redis(ground: Ground) -> list[Finding]:
    """Findings on Redis. Nothing is lost with it, so that none is more than slow work."""
    facts = ground.dispatcher.server_facts()
    if facts is None:
        advice = "Start it, or correct REDIS_URL. Until then nothing that is started goes on."
        return [fail("redis", "Redis does not answer, or does not let this login ask INFO.", advice)]
    return judge_redis(facts)


def judge_redis(facts: Mapping[str, object]) -> list[Finding]:
    """What of its settings makes it lose nudges, and whether it is too old."""
    findings = []
    version = str(facts.get("redis_version", "unknown"))
    if not _has_been_tried(version):
        oldest = ".".join(map(str, _OLDEST_REDIS))
        advice = f"Upgrade to Redis {oldest} or newer, or Valkey: nobody has tried this one."
        findings.append(warn("redis", f"Its version is {version}.", advice))
    if facts.get("maxmemory_policy") != "noeviction":
        found = f"maxmemory-policy is {facts.get('maxmemory_policy', 'unknown')}."
        advice = "Set it to noeviction: Redis would throw away nudges, and their work waits for a sweep."
        findings.append(warn("redis", found, advice))
    if str(facts.get("aof_enabled")) != "1":
        advice = "Set it to yes: after a restart all work waits for sweeps."
        findings.append(warn("redis", "appendonly is off.", advice))
    return findings or [ok("redis", f"Redis {version}, appendonly and noeviction.")]


def check_storage(ground: Ground) -> list[Finding]:
    """Whether the right volume takes bytes, by giving it some, and has room for more."""
    try:
        ground.storage.check()
        _write_and_remove(ground.storage)
    except StorageAway as away:
        return [fail("storage", str(away), "Without a mark of its own yet, run longshore migrate here.")]
    except StorageFault as fault:
        return [failed("storage", fault, "Let this user write where STORAGE_URL leads.")]
    findings = [ok("storage", "It has its mark and takes bytes."), _check_blocks(ground)]
    free_bytes = ground.storage.free_bytes()
    return findings if free_bytes is None else [*findings, judge_room("storage room", free_bytes)]


def check_temporary_folder() -> Finding:
    """Exports of whole items to CSV set rows aside there."""
    folder = tempfile.gettempdir()
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return fail(
            "temporary folder", f"{folder}: {error.strerror}.", "Set TMPDIR to a folder that is there."
        )
    if free_bytes < _SET_ASIDE_BYTES:
        found, advice = (
            f"{folder} has {_gib(free_bytes)} left.",
            "A worker may need 4.0 GiB: set TMPDIR there.",
        )
        return warn("temporary folder", found, advice)
    return ok("temporary folder", f"{folder} has {_gib(free_bytes)} left.")


def judge_room(subject: str, free_bytes: int) -> Finding:
    """Whether there is room for uploads and exports."""
    found = f"{_gib(free_bytes)} left."
    if free_bytes >= _SCARCE_BYTES:
        return ok(subject, found)
    advice = "Make room: uploads are refused with 503 when it is full."
    return (fail if free_bytes < _TOO_LITTLE_BYTES else warn)(subject, found, advice)


def check_mails(ground: Ground) -> Finding:
    """Whether the mail server would take mails. Sends none."""
    if ground.settings.smtp_url is None:
        return warn(
            "mails", "SMTP_URL is not set.", "Set it where jobs have a notificationEmail: their mails wait."
        )
    try:
        open_mailer(ground.settings.smtp_url).check()
    except SettingsInvalid as error:
        return fail("mails", str(error), "Correct SMTP_URL.")
    except MailFault as fault:
        return fail("mails", str(fault), "Start the mail server, or correct SMTP_URL. Mails wait for a day.")
    return ok("mails", "Mails are taken.")


def check_proxies(settings: Settings) -> list[Finding]:
    """Whether proxies that are trusted by name can be found by it from here."""
    return [_check_proxy(proxy) for proxy in settings.trusted_proxies if isinstance(proxy, str)]


def check_collector(ground: Ground) -> list[Finding]:
    """Whether the collector takes spans, where one is named. Work goes on without it."""
    if not ground.settings.is_traced:
        return []
    reason = tracing.why_not_taken()
    if reason is None:
        return [ok("traces", "The collector takes spans.")]
    advice = (
        "Start it, or correct the OTEL_EXPORTER_OTLP_ variables (HTTP, 4318). Until then spans are dropped."
    )
    return [warn("traces", reason, advice)]


def _check_proxy(name: str) -> Finding:
    addresses = sorted(map(str, look_up(name) or ()))
    if addresses:
        return ok("proxies", f"{name} is at {', '.join(addresses)}.")
    advice = (
        "Start it, or correct LONGSHORE_TRUSTED_PROXIES: until then all who come by it count as one caller."
    )
    return warn("proxies", f"{name} is not found.", advice)


def _has_been_tried(version: str) -> bool:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    return numbers >= _OLDEST_REDIS


def _check_blocks(ground: Ground) -> Finding:
    """Whether block storage is as new as the database: after a restore it may be older."""
    with ground.database.begin() as session:
        newest, to_come = volumes.newest_keys(session, _KEYS), volumes.keys_to_come(session, _KEYS)
    keys = {*newest, *to_come}
    try:
        missing = [key for key in keys if not ground.storage.holds(key)]
    except StorageFault as fault:
        return failed("blocks", fault, "Let this user read where STORAGE_URL leads.")
    if not missing:
        return ok("blocks", f"Those that came last or are still to be applied are there: {len(keys)}.")
    found = f"Of those that came last or are still to be applied, {len(missing)} of {len(keys)} are missing."
    advice = "Copy them from where this database's blocks were; imports that need them end as failed."
    return fail("blocks", found, advice)


def _write_and_remove(storage: BlockStorage) -> None:
    try:
        with storage.create(_PROBE) as writer:
            writer.write(b"doctor\n")
    finally:
        storage.remove_group(_PROBE)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:,.1f} GiB"
