"""Imports: created, listed, looked at, changed and deleted."""

from typing import Any

from flask import Response

from api.datastore import examples
from api.datastore import vocabulary as v
from api.datastore.door import IMPORT_ID, IMPORTS_PREFIX, current_import, guarded
from api.datastore.schemas import (
    ImportChangesSchema,
    ImportListSchema,
    ImportSchema,
    NewImportSchema,
    PageSchema,
)
from api.http.admission import current_service
from api.http.arguments import NOT_JSON
from api.http.grounds import current_ground
from api.http.openapi import problems
from api.usecases import imports
from api.usecases.imports import ImportChanges, ShownImport

blueprint = guarded(
    "imports", prefix=IMPORTS_PREFIX, description="Jobs that apply blocks of documents to a collection."
)


@blueprint.get("")
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, ImportListSchema, example=examples.LIST)
@problems(v.PAGE_INVALID, *v.EXPECTED)
def list_imports(query: dict[str, Any]) -> dict[str, Any]:
    """Imports of the data service, newest first."""
    return {"data": imports.list_imports(current_ground(), current_service(), query["page"])}


@blueprint.post("")
@blueprint.arguments(NewImportSchema, example=examples.CONFIGURATION)
@blueprint.response(200, ImportSchema, example=examples.CREATED)
@problems(
    v.STRATEGY_MISSING,
    v.STRATEGY_UNKNOWN,
    v.COLLECTION_UNKNOWN,
    v.BODY_TOO_LARGE,
    v.TOO_MANY_OPEN_IMPORTS,
    NOT_JSON,
    *v.EXPECTED,
)
def create_import(configuration: dict[str, Any]) -> ShownImport:
    """A new import, configuring: it takes blocks until it is started."""
    created = imports.create_import(
        current_ground(),
        current_service(),
        configuration["strategy"],
        configuration["collection"],
        is_ordered=configuration["ordered"],
    )
    return imports.show_import(current_ground(), created)


@blueprint.get("/<importid>", parameters=[IMPORT_ID])
@blueprint.response(200, ImportSchema, examples=examples.IMPORTS)
@problems(v.INVALID_IMPORT_ID, *v.EXPECTED)
def get_import(importid: int) -> ShownImport:
    """One import: its configuration, where it is and why, and what it did so far."""
    return imports.show_import(current_ground(), current_import())


@blueprint.patch("/<importid>", parameters=[IMPORT_ID])
@blueprint.arguments(ImportChangesSchema, example={"status": "started"})
@blueprint.response(200, ImportSchema, example=examples.STARTED)
@problems(
    v.INVALID_IMPORT_ID,
    v.STRATEGY_UNKNOWN,
    v.COLLECTION_UNKNOWN,
    v.STATUS_REFUSED,
    v.IMPORT_CLOSED,
    v.BODY_TOO_LARGE,
    NOT_JSON,
    *v.EXPECTED,
)
def update_import(changes: ImportChanges, importid: int) -> ShownImport:
    """Change the configuration, or start, pause, resume or cancel the import.

    All changes of one request happen together or not at all. The configuration may change until the
    import is started. A request may be repeated: to start what runs or is complete changes nothing.
    """
    updated = imports.update_import(current_ground(), current_service(), importid, changes)
    return imports.show_import(current_ground(), updated)


@blueprint.delete("/<importid>", parameters=[IMPORT_ID])
@blueprint.response(204)
@problems(v.INVALID_IMPORT_ID, *v.EXPECTED)
def delete_import(importid: int) -> Response:
    """Delete the import with its blocks and rejections. Documents it wrote stay."""
    imports.delete_import(current_ground(), current_service(), importid)
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
