"""Documents of a collection, to see what imports did. They pass as text: no digit of a number changes."""

import orjson
from flask import Response
from marshmallow import Schema, fields

from api.datastore import examples
from api.datastore import vocabulary as v
from api.datastore.door import guarded
from api.datastore.paging import PageAsked, PageAskedSchema, links
from api.datastore.routing import parameter
from api.http.admission import current_service
from api.http.grounds import current_ground
from api.http.openapi import problems
from api.http.problems import NOT_FOUND, Refused, answer, problem
from api.usecases import documents
from shared.errors import CollectionNotFound
from shared.instructions import is_usable_documentid

JSON = "application/json"
COLLECTION = parameter(
    "collection",
    "Path of the collection, without its first slash: `films` or `films/42/reviews`.",
    "contacts",
)
DOCUMENT_ID = parameter("documentid", "Identifies the document in its collection.", "1")
SIZE_INVALID = problem(
    400,
    "Query does not validate.",
    "page[size]",
    "Must be greater than or equal to 1 and less than or equal to 1000.",
)

blueprint = guarded("documents", description="What imports wrote.")


class DocumentSchema(Schema):
    """A document: its id, and whatever properties it has."""

    class Meta:
        unknown = "include"

    documentid = fields.String(required=True)


class LinksSchema(Schema):
    """Path and query of the neighbouring pages; null where there is none."""

    prev = fields.String(required=True, allow_none=True)
    next = fields.String(required=True, allow_none=True)


class DocumentListSchema(Schema):
    """One page of documents in the order of their ids."""

    data = fields.Nested(DocumentSchema, many=True, required=True)
    links = fields.Nested(LinksSchema, required=True)


@blueprint.get("/<collection:collection>", parameters=[COLLECTION])
@blueprint.arguments(PageAskedSchema, location="query")
@blueprint.response(200, DocumentListSchema, example=examples.DOCUMENTS)
@problems(SIZE_INVALID, *v.EXPECTED)
def list_documents(asked: PageAsked, collection: str) -> Response:
    """Documents of a collection in the order of their ids."""
    path = f"/{collection}"
    page = documents.list_documents(
        current_ground(), current_service(), path, asked.size, asked.after, asked.before
    )
    data = b",".join(page.documents)
    return Response(
        b'{"data":[%b],"links":%b}' % (data, orjson.dumps(links(asked, path, page))), content_type=JSON
    )


@blueprint.get("/<collection:collection>/<documentid>", parameters=[COLLECTION, DOCUMENT_ID])
@blueprint.response(200, DocumentSchema, example=examples.DOCUMENT)
@problems(*v.EXPECTED)
def get_document(collection: str, documentid: str) -> Response:
    """One document."""
    if not is_usable_documentid(documentid):
        raise Refused(NOT_FOUND)
    document = documents.get_document(current_ground(), current_service(), f"/{collection}", documentid)
    return Response(document, content_type=JSON)


@blueprint.errorhandler(CollectionNotFound)
def _answer_not_found(error: CollectionNotFound) -> Response:
    """Here the collection is the path itself, not a property of a body."""
    return answer(NOT_FOUND)
