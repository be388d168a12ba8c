"""Documents of a collection, to see what an import did."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from api.usecases.collections import find_collection
from api.usecases.services import Service
from shared.db import documents
from shared.db.documents import StoredDocument
from shared.errors import DocumentNotFound
from shared.ground import Ground


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some neighbouring documents in the order of their ids, each as JSON text."""

    documents: list[bytes]
    first_id: str | None
    last_id: str | None
    has_previous: bool
    has_next: bool


def get_document(ground: Ground, service: Service, collection: str, documentid: str) -> bytes:
    """The document as JSON text. Raises CollectionNotFound, DocumentNotFound."""
    collection_id = find_collection(ground, service, collection)
    with ground.database.begin() as session:
        found = documents.get(session, collection_id, documentid)
    if found is None:
        raise DocumentNotFound(documentid)
    return _as_json(found)


def list_documents(
    ground: Ground,
    service: Service,
    collection: str,
    size: int,
    after: str | None = None,
    before: str | None = None,
) -> DocumentPage:
    """Up to `size` documents behind the id `after`, or the last ones before the id `before`.

    Raises CollectionNotFound.
    """
    collection_id = find_collection(ground, service, collection)
    with ground.database.begin() as session:
        if before is None:
            page, has_more = documents.after(session, collection_id, after or "", size)
            return _page(page, has_previous=after is not None, has_next=has_more)
        page, has_more = documents.before(session, collection_id, before, size)
        return _page(page, has_previous=has_more, has_next=True)


def _page(page: Sequence[StoredDocument], *, has_previous: bool, has_next: bool) -> DocumentPage:
    return DocumentPage(
        documents=[_as_json(document) for document in page],
        first_id=page[0].documentid if page else None,
        last_id=page[-1].documentid if page else None,
        has_previous=has_previous and bool(page),
        has_next=has_next and bool(page),
    )


def _as_json(document: StoredDocument) -> bytes:
    documentid = b'{"documentid":' + orjson.dumps(document.documentid)
    properties = document.properties.encode()
    return documentid + (b"}" if properties == b"{}" else b"," + properties[1:])
