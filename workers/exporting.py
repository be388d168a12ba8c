"""An export from its selection to its files: one consistent snapshot, begun again where it breaks."""

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from shared.db import exports, selecting
from shared.db.endings import tell_end_of_export
from shared.db.exports import ExportLease
from shared.db.item_types import relations_of
from shared.db.models import Collection
from shared.db.queries.checking import check_query
from shared.db.queries.reader import reader_of
from shared.db.queries.refusals import QueryRefused
from shared.db.queries.running import QueryLimits, open_query
from shared.errors import LeaseLost, LongshoreError
from shared.formats.flattening import flatten
from shared.formats.rendering import CsvRenderer, JsonRenderer, Renderer, TemplateRenderer, exact
from shared.ground import Ground
from shared.templates.errors import TemplateRefused
from shared.templates.velocity import compile_template
from workers.export_files import ExportFiles

_log = structlog.get_logger()

# How often an export says how far it is, and learns that it was canceled.
PROGRESS_SECONDS = 0.3
PROGRESS_RECORDS = 500

ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """The worker goes home; the export begins again elsewhere."""


def run_export(ground: Ground, export_id: int, *, worker: str, should_stop: ShouldStop) -> None:
    """Write the export's files. Safe to call at any time and any number of times."""
    with ground.database.begin() as session:
        lease = exports.claim(session, export_id, worker=worker, lease_seconds=ground.settings.lease_seconds)
    if lease is None:
        _cancel(ground, export_id)
        return
    with structlog.contextvars.bound_contextvars(export_id=export_id):
        _log.info("export_claimed", epoch=lease.epoch, attempts=lease.attempts)
        _attempt(ground, lease, should_stop)


def _attempt(ground: Ground, lease: ExportLease, should_stop: ShouldStop) -> None:
    try:
        ExportRun(ground, lease, should_stop).run()
    except LeaseLost:
        _cancel(ground, lease.export_id, epoch=lease.epoch)
    except (QueryRefused, TemplateRefused) as refused:
        _log.info("export_refused", reason=str(refused))
        with ground.database.begin() as session:
            exports.reject(session, lease, str(refused))
            tell_end_of_export(session, lease.export_id, ground.settings.public_url)
    except Stopped:
        with ground.database.begin() as session:
            exports.release(session, lease)
        ground.dispatcher.nudge_export(lease.export_id)
    except LongshoreError as error:
        _log.error("export_failed", error=str(error), attempts=lease.attempts)
        _give_up(ground, lease, str(error))


def _cancel(ground: Ground, export_id: int, *, epoch: int = -1) -> None:
    with ground.database.begin() as session:
        if exports.cancel(session, export_id, epoch=epoch):
            tell_end_of_export(session, export_id, ground.settings.public_url)


def _give_up(ground: Ground, lease: ExportLease, reason: str) -> None:
    with ground.database.begin() as session:
        status = exports.give_up(
            session,
            lease,
            reason,
            attempts=ground.settings.attempts,
            retry_seconds=ground.settings.retry_seconds,
        )
        if status == "failed":
            tell_end_of_export(session, lease.export_id, ground.settings.public_url)


class ExportRun:
    """One attempt at an export under one lease."""

    def __init__(self, ground: Ground, lease: ExportLease, should_stop: ShouldStop) -> None:
        self._ground = ground
        self._lease = lease
        self._should_stop = should_stop
        self._noted_at = time.monotonic()

    def run(self) -> None:
        """Write every file and complete. Raises LeaseLost, QueryRefused, TemplateRefused, Stopped."""
        with self._ground.database.begin() as session:
            collection = session.get_one(Collection, self._lease.collection_id)
        if self._lease.selection["kind"] == "sql":
            files = self._run_query(collection)
        else:
            files = self._run_collection(collection)
        with self._ground.database.begin() as session:
            exports.complete(
                session,
                self._lease,
                files.files(),
                records=files.records,
                lifetime=timedelta(days=self._ground.settings.link_days),
            )
            session.flush()
            tell_end_of_export(session, self._lease.export_id, self._ground.settings.public_url)
        _log.info("export_completed", records=files.records)

    def _run_collection(self, collection: Collection) -> ExportFiles:
        filters: dict[str, list[str]] = self._lease.selection.get("filters", {})
        with self._ground.database.begin() as session:
            selecting.see_one_snapshot(session)
            self._note_total(selecting.count(session, collection.id, filters))

            def documents(take: selecting.Take) -> None:
                selecting.stream(session, collection.id, filters, take)

            renderer = self._renderer(collection, lambda: self._columns(collection, documents))
            with self._files(collection, renderer) as files:
                documents(self._taking(files))
        return files

    def _run_query(self, collection: Collection) -> ExportFiles:
        settings = self._ground.settings
        with self._ground.database.begin() as session:
            relations = relations_of(session, collection.service_id)
        checked = check_query(self._lease.selection["query"], relations)
        with open_query(
            self._ground.database,
            reader_of(settings.database_url, settings.reader_url).url,
            checked,
            QueryLimits(),
            waiting=self._look_around,
        ) as rows:
            renderer = self._renderer(collection, lambda: list(rows.columns or ()))
            with self._files(collection, renderer) as files:
                take = self._taking(files)
                for row in rows:
                    take(None, row)
        return files

    def _columns(self, collection: Collection, documents: Callable[[selecting.Take], None]) -> list[str]:
        """The item type's fields in order, then whatever else there is, in the order it is met."""
        found = dict.fromkeys(field["name"] for field in collection.fields or ())

        def take(_: str, properties: bytes) -> None:
            found.update(dict.fromkeys(column for column, _ in flatten(exact(properties))))
            self._look_around()

        documents(take)
        return list(found)

    def _renderer(self, collection: Collection, columns: Callable[[], list[str]]) -> Renderer:
        rendering = self._lease.rendering
        if rendering["template"]:
            return TemplateRenderer(compile_template(rendering["template"]))
        if rendering["format"] == "json":
            return JsonRenderer(collection.path.removeprefix("/"))
        return CsvRenderer(columns(), has_header=rendering["row_header"])

    def _files(self, collection: Collection, renderer: Renderer) -> ExportFiles:
        return ExportFiles(
            self._ground.storage,
            self._lease.export_id,
            renderer,
            name=collection.path.removeprefix("/").replace("/", "-"),
            file_bytes=self._ground.settings.export_file_bytes,
            is_compressed=self._lease.rendering["gzip"],
        )

    def _taking(self, files: ExportFiles) -> Callable[[str | None, bytes], None]:
        def take(documentid: str | None, properties: bytes) -> None:
            files.add(documentid, properties)
            if files.records % PROGRESS_RECORDS == 0:
                self._look_around(files.records)

        return take

    def _look_around(self, records: int | None = None) -> None:
        if time.monotonic() - self._noted_at < PROGRESS_SECONDS:
            return
        if self._should_stop():
            raise Stopped
        self._noted_at = time.monotonic()
        with self._ground.database.begin() as session:
            exports.note_progress(
                session, self._lease, records=records, lease_seconds=self._ground.settings.lease_seconds
            )

    def _note_total(self, total: int) -> None:
        with self._ground.database.begin() as session:
            exports.note_total(session, self._lease, total)
