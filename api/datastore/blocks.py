"""Blocks of an import: added, listed, given back byte for byte."""

from typing import Any

from flask import Response, request

from api.datastore import examples
from api.datastore import vocabulary as v
from api.datastore.door import BLOCK_ID, IMPORT_ID, IMPORTS_PREFIX, guarded
from api.datastore.schemas import BlockListSchema, BlockSchema, PageSchema
from api.http.admission import current_service
from api.http.bodies import BODY_INCOMPLETE, LENGTH_REQUIRED, body_pieces
from api.http.digests import DIGEST_MALFORMED, digest_mismatch
from api.http.encodings import ENCODING_UNKNOWN
from api.http.grounds import current_ground, current_settings
from api.http.openapi import problems
from api.http.problems import Refused
from api.http.streaming import stream
from api.usecases import blocks

NDJSON = "application/x-ndjson"
BODY = {
    "required": True,
    "description": (
        "One JSON object a line, at most 20MB (counted after decompression). May come with"
        " `Content-Encoding: gzip` or `zstd`, and with a `Content-Digest` (RFC 9530, sha-256 or sha-512)"
        " of the body as it is sent."
    ),
    "content": {
        NDJSON: {
            "schema": {"type": "string", "minLength": 1, "contentMediaType": NDJSON},
            "example": examples.NDJSON,
        }
    },
}

blueprint = guarded(
    "blocks", prefix=IMPORTS_PREFIX, description="The data of an import, in numbered, immutable pieces."
)


@blueprint.get("/<importid>/blocks", parameters=[IMPORT_ID])
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, BlockListSchema, example=examples.BLOCKS)
@problems(v.INVALID_IMPORT_ID, v.PAGE_INVALID, *v.EXPECTED)
def list_blocks(query: dict[str, Any], importid: int) -> dict[str, Any]:
    """Numbers of the import's blocks, ascending."""
    numbers = blocks.list_blocks(current_ground(), current_service(), importid, query["page"])
    return {"data": [{"blockid": number} for number in numbers]}


@blueprint.post("/<importid>/blocks", parameters=[IMPORT_ID])
@blueprint.doc(requestBody=BODY)
@blueprint.response(200, BlockSchema, example={"blockid": 1})
@problems(
    v.INVALID_IMPORT_ID,
    v.NOT_NDJSON,
    v.BLOCK_TOO_LARGE,
    v.BLOCK_EMPTY,
    v.IMPORT_CLOSED,
    v.TOO_MANY_BLOCKS,
    v.TOO_MANY_STORED_BYTES,
    BODY_INCOMPLETE,
    DIGEST_MALFORMED,
    digest_mismatch("sha-256"),
    LENGTH_REQUIRED,
    ENCODING_UNKNOWN,
    *v.EXPECTED,
)
def add_block(importid: int) -> dict[str, Any]:
    """Add the next block. Once answered with 200 its bytes are durable; they cannot be changed."""
    if request.mimetype != NDJSON:
        raise Refused(v.NOT_NDJSON)
    pieces = body_pieces(request, current_settings().block_limit_bytes)
    return {"blockid": blocks.receive_block(current_ground(), current_service(), importid, pieces)}


@blueprint.get("/<importid>/blocks/<blockid>", parameters=[IMPORT_ID, BLOCK_ID])
@blueprint.response(200, {"type": "string"}, content_type=NDJSON, example=examples.NDJSON)
@problems(v.INVALID_IMPORT_ID, v.INVALID_BLOCK_ID, v.BLOCK_GONE, *v.EXPECTED)
def get_block(importid: int, blockid: int) -> Response:
    """The block's bytes as they were added, decompressed."""
    block = blocks.open_block(current_ground(), current_service(), importid, blockid)
    return stream(block.chunks, NDJSON, size_bytes=block.size_bytes)
