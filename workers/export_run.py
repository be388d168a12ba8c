"""One attempt at an export: its documents or its query's rows, rendered into files."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from tempfile import TemporaryFile
from typing import BinaryIO

import structlog

from shared.db import exports, maintenance, quotas, renderings, selecting
from shared.db.endings import tell_end_of_export
from shared.db.exports import ExportLease
from shared.db.interrupting import interrupter
from shared.db.models import Collection
from shared.db.selecting import Selection
from shared.errors import TooManyStoredBytes
from shared.formats.cells import types_of
from shared.formats.items import DOCUMENTID
from shared.formats.portions import Portion, QueryRow
from shared.formats.records import ColumnFinder, Columns
from shared.formats.rendering import CsvRenderer, JsonRenderer, Renderer, TemplateRenderer
from shared.ground import Ground
from shared.heartbeat import Heartbeat, Stopped
from shared.storage.faults import storage_faults
from shared.templates.budget import Budget
from shared.templates.velocity import compile_template
from workers.applying import ShouldStop
from workers.export_files import ExportFiles
from workers.export_groups import group_of, groups_between

_log = structlog.get_logger()

# How often an export says how far it is, and learns that it was canceled.
PROGRESS_SECONDS = 0.3

Take = Callable[[Portion], None]
# Hands everything to its argument, a portion at a time; may be called again.
Source = Callable[[Take], None]


class ExportRun:
    """One attempt under one lease."""

    def __init__(self, ground: Ground, lease: ExportLease, should_stop: ShouldStop) -> None:
        self._ground = ground
        self._lease = lease
        self._should_stop = should_stop
        self._heartbeat = Heartbeat(self._beat, min(PROGRESS_SECONDS, ground.settings.lease_seconds / 3))
        self._budget = Budget(ground.settings.template_seconds, lease.spent)
        self._records = 0
        self._stored_limit_bytes = self._room_bytes = ground.settings.stored_bytes

    def run(self) -> None:
        """Write every file and complete.

        Raises Stopped, LeaseLost, QuotaReached, what is wrong with the order (QueryRefused, TemplateRefused,
        RecordRefused) and what is wrong with the world.
        """
        try:
            # All that asks block storage: it may take longer than a lease to say that it does not answer.
            with self._heartbeat:
                self._remove_earlier_attempts()
                files = self._write_files()
        finally:
            self._note_renderings()
        self._complete(files)
        _log.info("export_completed", records=files.records)

    def _remove_earlier_attempts(self) -> None:
        lease = self._lease
        groups = groups_between(lease.export_id, lease.cleared_epoch + 1, lease.epoch - 1)
        for group in groups:
            self._ground.storage.remove_group(group)
            self._heartbeat.check()
        if groups:
            with self._ground.database.begin() as session:
                exports.note_cleared(session, lease)

    def _write_files(self) -> ExportFiles:
        with self._ground.database.begin() as session:
            collection = session.get_one(Collection, self._lease.collection_id)
            self._room_bytes = quotas.room_bytes(session, self._lease.service_id, self._stored_limit_bytes)
        if self._lease.selection["kind"] == "sql":
            return self._write_query(collection)
        return self._write_collection(collection)

    def _write_collection(self, collection: Collection) -> ExportFiles:
        filters: dict[str, list[str]] = self._lease.selection.get("filters", {})
        selection = Selection(collection.id, _key_of(collection), filters)
        with self._ground.database.begin() as session:
            selecting.see_one_snapshot(session)
            with self._heartbeat.interrupting(interrupter(session)):
                self._note_total(selecting.count(session, selection))
                return self._write(collection, lambda take: selecting.stream(session, selection, take))

    def _write_query(self, collection: Collection) -> ExportFiles:
        # What understands SQL is four megabytes in each process, which all other work does without.
        from workers.export_query import rows_of  # noqa: PLC0415

        query, look_around = self._lease.selection["query"], self._heartbeat.check
        with rows_of(self._ground, collection.service_id, query, waiting=look_around) as rows:
            if rows.columns is None and self._needs_columns:
                return self._write_spooled(collection, rows)
            columns = None if rows.columns is None else Columns.of_query(rows.columns)
            return self._write(collection, lambda take: _one_by_one(rows, take), columns)

    @property
    def _needs_columns(self) -> bool:
        return self._lease.rendering["format"] != "json" and not self._lease.rendering["template"]

    def _write_spooled(self, collection: Collection, rows: Iterable[bytes]) -> ExportFiles:
        """Rows whose columns are not known before all of them were read, which they can be once only."""
        with storage_faults("set aside"), TemporaryFile() as spool:
            for row in rows:
                # In JSON, line ends only stand between values.
                spool.write(row.replace(b"\n", b" ") + b"\n")
                self._records += 1
                self._heartbeat.check()
            return self._write(collection, lambda take: _one_by_one(_lines_of(spool), take))

    def _write(self, collection: Collection, source: Source, columns: Columns | None = None) -> ExportFiles:
        renderer = self._renderer(collection, source, columns)
        files = ExportFiles(
            self._ground.storage,
            group_of(self._lease.export_id, self._lease.epoch),
            renderer,
            name=_item_type_of(collection).replace("/", "-"),
            file_bytes=self._ground.settings.export_file_bytes,
            is_compressed=self._lease.rendering["gzip"],
        )

        def take(portion: Portion) -> None:
            for part in self._parts(portion):
                files.add(part)
                # Rows that were set aside have been counted before.
                self._records = max(self._records, files.records)
                if files.size_bytes > self._room_bytes:
                    raise TooManyStoredBytes(self._stored_limit_bytes)
                self._heartbeat.check()

        with files:
            source(take)
        return files

    def _parts(self, portion: Portion) -> Iterable[Portion]:
        # A template may take a second for each row, and who cancels is not to wait for thousands of them.
        return portion.each() if self._lease.rendering["template"] else [portion]

    def _renderer(self, collection: Collection, source: Source, columns: Columns | None) -> Renderer:
        rendering, key = self._lease.rendering, _key_of(collection)
        if rendering["template"]:
            return TemplateRenderer(compile_template(rendering["template"]), self._budget, key=key)
        if rendering["format"] == "json":
            return JsonRenderer(_item_type_of(collection), collection.category)
        known = columns or self._find_columns(collection, source)
        return CsvRenderer(known, key=key, has_header=rendering["row_header"])

    def _find_columns(self, collection: Collection, source: Source) -> Columns:
        key = _key_of(collection)
        finder = ColumnFinder(Columns.of_items(types_of(collection.fields or []), key), key)

        def take(portion: Portion) -> None:
            finder.meet(portion)
            self._heartbeat.check()

        source(take)
        return finder.columns()

    def _complete(self, files: ExportFiles) -> None:
        settings = self._ground.settings
        with self._ground.database.begin() as session:
            exports.complete(
                session,
                self._lease,
                files.rows(self._lease.export_id),
                records=files.records,
                lifetime=timedelta(days=settings.link_days),
            )
            session.flush()
            quotas.admit_stored(session, self._lease.service_id, settings.stored_bytes)
            tell_end_of_export(session, self._lease.export_id, settings.public_url)

    def _beat(self) -> None:
        self._note_renderings()
        lease_seconds = self._ground.settings.lease_seconds
        with self._ground.database.begin() as session:
            exports.note_progress(session, self._lease, records=self._records, lease_seconds=lease_seconds)
            is_maintained = maintenance.is_on(session)
        if is_maintained or self._should_stop():
            raise Stopped

    def _note_renderings(self) -> None:
        if self._budget.spent != self._lease.spent:
            with self._ground.database.begin() as session:
                renderings.note_of_export(session, self._lease.export_id, self._budget.spent)

    def _note_total(self, total: int) -> None:
        with self._ground.database.begin() as session:
            exports.note_total(session, self._lease, total)


def _key_of(collection: Collection) -> str:
    return collection.key or DOCUMENTID


def _item_type_of(collection: Collection) -> str:
    return collection.path.removeprefix("/")


def _one_by_one(rows: Iterable[bytes], take: Take) -> None:
    for row in rows:
        take(QueryRow(row))


def _lines_of(file: BinaryIO) -> Iterable[bytes]:
    file.seek(0)
    return (line.removesuffix(b"\n") for line in file)
