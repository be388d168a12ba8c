"""Every way to ask wrongly that one request can show, as a table."""

from typing import Any, NamedTuple

from tests.contract.conftest import IMPORTS

JSON_TITLE = "JSON does not validate."
QUERY_TITLE = "Query does not validate."
POSITIVE = "Must be a positive integer."
NDJSON = "application/x-ndjson"


class Wrong(NamedTuple):
    """A request with something wrong; `{id}` in its path is an import that exists."""

    name: str
    method: str
    path: str
    options: dict[str, Any]
    status: int
    title: str
    params: tuple[tuple[str, str], ...] = ()


def post(name: str, body: Any, *params: tuple[str, str], title: str = JSON_TITLE) -> Wrong:
    return Wrong(name, "POST", IMPORTS, {"json": body}, 400, title, params)


def patch(name: str, body: Any, title: str, *params: tuple[str, str]) -> Wrong:
    return Wrong(name, "PATCH", IMPORTS + "/{id}", {"json": body}, 400, title, params)


def get(name: str, path: str, status: int, title: str, *params: tuple[str, str]) -> Wrong:
    return Wrong(name, "GET", path, {}, status, title, params)


def sent(
    name: str, data: bytes, options: dict[str, Any], status: int, title: str, *params: tuple[str, str]
) -> Wrong:
    """A block that is refused."""
    return Wrong(name, "POST", IMPORTS + "/{id}/blocks", {"data": data} | options, status, title, params)


IMPORT_ID = ("Import ID", "Import ID must be a positive integer")
BLOCK_ID = ("Block ID", "Block ID must be a positive integer")
NOT_JSON = ("Content-type", "Expected content-type: application/json")
MISSING = "Missing data for required field."
ONE_OF = "Must be one of: create, update."
STATUSES = "configuring, started, running, paused, resumed, canceled, complete, failed"

TABLE = [
    # The configuration.
    post("no strategy", {"collection": "/contacts"}, ("strategy", MISSING)),
    post("no collection", {"strategy": ["create"]}, ("collection", MISSING)),
    post("nothing at all", {}, ("strategy", MISSING), ("collection", MISSING)),
    post("not an object", [], ("body", "Invalid input type.")),
    post(
        "an unknown property",
        {"strategy": ["create"], "collection": "/contacts", "dryRun": True},
        ("dryRun", "Unknown property."),
    ),
    post(
        "an unknown strategy",
        {"strategy": ["create", "replace"], "collection": "/contacts"},
        ("strategy", f"[1] {ONE_OF}"),
    ),
    post(
        "an empty strategy",
        {"strategy": [], "collection": "/contacts"},
        ("strategy", "Shorter than minimum length 1."),
    ),
    post(
        "a repeated strategy",
        {"strategy": ["create", "create"], "collection": "/contacts"},
        ("strategy", "Must not repeat an operation."),
    ),
    post(
        "wrong types",
        {"strategy": "create", "collection": 5},
        ("strategy", "Not a valid list."),
        ("collection", "Not a valid string."),
    ),
    post(
        "a collection without its slash",
        {"strategy": ["create"], "collection": "contacts"},
        ("collection", "Must begin with /."),
    ),
    post(
        "a NUL in the collection",
        {"strategy": ["create"], "collection": "/con\0tacts"},
        ("collection", "Must not contain control characters."),
    ),
    post(
        "an unknown collection",
        {"strategy": ["create"], "collection": "/nowhere"},
        ("collection", "The collection '/nowhere' does not exist in this data service."),
        title="Invalid collection",
    ),
    Wrong(
        "JSON that does not say so",
        "POST",
        IMPORTS,
        {"data": b"{}", "content_type": "text/plain"},
        415,
        "Invalid content-type",
        (NOT_JSON,),
    ),
    Wrong(
        "a body beyond the small limit of JSON",
        "POST",
        IMPORTS,
        {"data": b" " * 65_537, "content_type": "application/json"},
        413,
        "Content Too Large",
        (("body", "The body is larger than this endpoint takes."),),
    ),
    # Changes.
    patch("an unknown status", {"status": "begun"}, JSON_TITLE, ("status", f"Must be one of: {STATUSES}.")),
    patch("null for a status", {"status": None}, JSON_TITLE, ("status", "Field may not be null.")),
    patch(
        "a status that only the service sets",
        {"status": "running"},
        "Invalid status",
        ("status", "An import that is configuring cannot be set to running."),
    ),
    patch(
        "a change that the life of an import does not know",
        {"status": "paused"},
        "Invalid status",
        ("status", "An import that is configuring cannot be set to paused."),
    ),
    patch(
        "another unknown collection",
        {"collection": "/nowhere"},
        "Invalid collection",
        ("collection", "The collection '/nowhere' does not exist in this data service."),
    ),
    # Ids and pages.
    get("import 0", f"{IMPORTS}/0", 400, "Invalid import ID", IMPORT_ID),
    get("import -1", f"{IMPORTS}/-1", 400, "Invalid import ID", IMPORT_ID),
    get("import abc", f"{IMPORTS}/abc", 400, "Invalid import ID", IMPORT_ID),
    get("import 1.5", f"{IMPORTS}/1.5", 400, "Invalid import ID", IMPORT_ID),
    get("import in other digits", f"{IMPORTS}/٣", 400, "Invalid import ID", IMPORT_ID),
    get("an import that is not", f"{IMPORTS}/9223372036854775807", 404, "Not Found"),
    get("an import beyond bigint", f"{IMPORTS}/999999999999999999999999", 404, "Not Found"),
    get("an import of 5000 digits", f"{IMPORTS}/{'9' * 5000}", 404, "Not Found"),
    get("blocks of import 0", f"{IMPORTS}/0/blocks", 400, "Invalid import ID", IMPORT_ID),
    get("blocks of an import that is not", f"{IMPORTS}/999999999/blocks", 404, "Not Found"),
    get("block 0", IMPORTS + "/{id}/blocks/0", 400, "Invalid block ID", BLOCK_ID),
    get("block abc", IMPORTS + "/{id}/blocks/abc", 400, "Invalid block ID", BLOCK_ID),
    get("a block that is not", IMPORTS + "/{id}/blocks/1", 404, "Not Found"),
    get("a block beyond integer", IMPORTS + "/{id}/blocks/99999999999", 404, "Not Found"),
    get("page 0", f"{IMPORTS}?page=0", 400, QUERY_TITLE, ("page", POSITIVE)),
    get("page -1", f"{IMPORTS}?page=-1", 400, QUERY_TITLE, ("page", POSITIVE)),
    get("page x", IMPORTS + "/{id}/blocks?page=x", 400, QUERY_TITLE, ("page", POSITIVE)),
    get("page 0 of rejections", IMPORTS + "/{id}/rejections?page=0", 400, QUERY_TITLE, ("page", POSITIVE)),
    get("a query it does not know", f"{IMPORTS}?pag=2", 400, QUERY_TITLE, ("pag", "Unknown property.")),
    get("no such resource", "/__resources/exports", 404, "Not Found"),
    # Blocks.
    sent(
        "a block that is not NDJSON",
        b"{}",
        {"content_type": "application/json"},
        400,
        "Invalid content-type",
        ("Content-type", "Expected content-type: application/x-ndjson"),
    ),
    sent(
        "an empty block",
        b"",
        {"content_type": NDJSON, "environ_overrides": {"CONTENT_LENGTH": "0"}},
        400,
        "Import block empty",
        ("Import block", "The block has no data."),
    ),
    sent(
        "a block of no known length",
        b"",
        {"content_type": NDJSON},
        411,
        "Length Required",
        ("Content-Length", "Expected Content-Length or Transfer-Encoding: chunked"),
    ),
    sent(
        "a block one byte too large",
        b"x" * (20 * 1024 * 1024 + 1),
        {"content_type": NDJSON},
        400,
        "Import block too large",
        ("Import block", "Import block size must not exceed 20MB"),
    ),
    sent(
        "an encoding it does not know",
        b"{}",
        {"content_type": NDJSON, "headers": {"Content-Encoding": "br"}},
        415,
        "Invalid content-encoding",
        ("Content-Encoding", "Expected content-encoding: gzip, zstd or none"),
    ),
]
