"""Items written and followed one request at a time, under /ls/api/items."""

from collections.abc import Generator, Mapping
from functools import cache

import msgspec
from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.http.bodies import body_pieces
from api.http.grounds import current_ground, current_settings
from api.http.streaming import stream
from api.liquid import schemas
from api.liquid.admission import current_service
from api.liquid.description import JSON, TOKEN_REFUSED, described, form
from api.liquid.door import ParameterInvalid, guarded
from api.liquid.forms import fields_of
from api.liquid.schemas import LARGEST_SIZE, LATEST_MS
from api.usecases import items
from api.usecases.item_types import KnownType
from api.usecases.items import FollowedItems, Place, RejectedItem
from shared.db.updates import Updated
from shared.errors import BlockTooLarge

USUAL_SIZE = 1000
# Of one request, all in one transaction. 20 MiB of `0,` were 10 million items, 8 GB and a minute's work.
MOST_ITEMS = 10_000

blueprint = guarded("items", "/ls/api/items", "Items one request at a time, in the Liquid Decisions API.")

_NONE = msgspec.Raw(b"")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


@blueprint.post("/upsert")
@described(
    schemas.UPSERTED,
    {JSON: schemas.ITEMS},
    refusals=TOKEN_REFUSED | {411: "The body's length is not told", 415: "The content encoding is not known"},
)
def upsert() -> Response:
    """Write a list of items, all in one transaction; those that cannot be written come back, saying why."""
    given = _items(_body())
    rejected = items.upsert_items(current_ground(), current_service(), given)
    answer: dict[str, object] = {"count": len(given)}
    if rejected:
        answer["rejectedItems"] = [_returned(given[item.position], item) for item in rejected]
    return _json(answer)


@blueprint.post("/updates")
@described(schemas.UPDATES, form(schemas.UPDATES_FORM, schemas.UPDATES_JSON))
def updates() -> Response:
    """Items written since a moment, in order; what they answer with is where the next call goes on."""
    fields = fields_of(request)
    item_type, size = fields.get("itemType"), _number(fields, "max", USUAL_SIZE, LARGEST_SIZE)
    place = Place(after_ms=_number(fields, "processedAfter", 0, LATEST_MS), after_id=fields.get("lastId"))
    followed = items.follow(current_ground(), current_service(), item_type, place, size)
    return stream(_told(followed, place), "application/json")


def _told(followed: FollowedItems, place: Place) -> Generator[bytes, None, None]:
    """The answer, some items at a time."""
    last_ms, last_id = place.after_ms, place.after_id
    if followed.found:
        last_ms, last_id = followed.found[-1].updated_ms, followed.found[-1].documentid
    before = b'{"items":['
    for portion in filter(None, followed.portions()):
        yield before + b",".join(msgspec.json.encode(_item(followed.item_type, *one)) for one in portion)
        before = b","
    end = b"]," + msgspec.json.encode({"maxProcessedAt": last_ms, "lastId": last_id or ""})[1:]
    yield end if before == b"," else before + end


def _body() -> bytes:
    """All of it. Raises RequestEntityTooLarge, also where it only grows that large when it is decoded."""
    limit_bytes = current_settings().block_limit_bytes
    held = bytearray()
    try:
        for piece in body_pieces(request, limit_bytes):
            held += piece
            if len(held) > limit_bytes:
                raise BlockTooLarge(limit_bytes)
    except BlockTooLarge as error:
        raise RequestEntityTooLarge(
            f"The body has more than {limit_bytes} bytes, the most it may have: send fewer items, or a file."
        ) from error
    return bytes(held)


def _items(body: bytes) -> list[bytes]:
    """Each item's own text, every digit as it came. Raises ParameterInvalid."""
    try:
        return [bytes(item) for item in msgspec.structs.astuple(_few().decode(body)) if item is not _NONE]
    except (msgspec.DecodeError, RecursionError) as error:
        raise ParameterInvalid(
            f"The body is not a JSON list of up to {MOST_ITEMS} items (a file may have more): {error}."
        ) from error


@cache
def _few() -> msgspec.json.Decoder[msgspec.Struct]:
    """Reads a list, and stops where it is too long. Read as a list it would be held before it is counted."""
    places = [(f"item_{number}", msgspec.Raw, _NONE) for number in range(MOST_ITEMS)]
    few = msgspec.defstruct("Few", places, array_like=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(few)


def _returned(item: bytes, rejected: RejectedItem) -> dict[str, object]:
    """The item with the reason in its headers, where a client looks for it."""
    receipt = {"receiptType": rejected.code, "receiptMessage": rejected.reason}
    try:
        given = _object.decode(item)
        if "data" not in given:
            return {"headers": receipt, "data": msgspec.Raw(item)}
        headers = _object.decode(given.get("headers", b"{}"))
    except (msgspec.DecodeError, RecursionError):
        return {"headers": receipt, "data": msgspec.Raw(item)}
    return {**given, "headers": {**headers, **receipt}}


def _item(item_type: KnownType, item: Updated, properties: str) -> dict[str, object]:
    headers = {
        "category": item_type.category,
        "type": item_type.name,
        "id": item.documentid,
        "processedAt": item.updated_ms,
    }
    return {"headers": headers, "data": msgspec.Raw(properties.encode())}


def _number(fields: Mapping[str, str], name: str, otherwise: int, largest: int) -> int:
    """A whole number from 0 on. Raises ParameterInvalid."""
    text = fields.get(name, str(otherwise)).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > largest:
        raise ParameterInvalid(f"The parameter {name} must be a whole number from 0 to {largest}.")
    return int(text)


def _json(answer: Mapping[str, object]) -> Response:
    return Response(msgspec.json.encode(answer), content_type="application/json")
