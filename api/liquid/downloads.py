"""Files of exports by their links. Nobody logs in: who has the link has the right."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from api.http.grounds import current_ground
from api.liquid.description import documented, refusals_of
from api.liquid.door import BATCH, opened
from api.usecases.downloads import open_download
from shared.storage.reading import CHUNK_BYTES

FILE: dict[str, Any] = {"*/*": {"schema": {}}}
DESCRIPTION = {
    "security": [],  # who has the link has the right
    "parameters": [
        {"in": "header", "name": "Range", "schema": {"type": "string"}, "example": "bytes=0-99"},
        {"in": "header", "name": "If-None-Match", "schema": {"type": "string"}},
    ],
    "responses": {
        200: {"description": "The file", "content": FILE},
        206: {"description": "The range of it", "content": FILE},
        304: {"description": "The caller has it"},
        **refusals_of({404: "There is no such file", 410: "The link has expired", 416: "No such range"}),
    },
}

blueprint = opened("downloads", BATCH, "Files of exports.")


@blueprint.get("/download/<token>/<path:name>")
@documented(DESCRIPTION)
def download(token: str, name: str) -> Response:
    """The file, or the range of it that is asked for."""
    found = open_download(current_ground(), token)
    response = Response(FileWrapper(found.body, CHUNK_BYTES), direct_passthrough=True)
    response.content_type = found.media_type
    response.content_length = found.size_bytes
    response.headers.set("Content-Disposition", "attachment", **_named(found.name))
    response.headers["Cache-Control"] = "private, no-cache"
    response.last_modified = found.written_at
    response.set_etag(found.etag)
    try:
        may_be_cut = _may_be_cut(found.size_bytes)
        response.make_conditional(request, accept_ranges=may_be_cut, complete_length=found.size_bytes)
    except RequestedRangeNotSatisfiable:
        found.body.close()
        raise
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        found.body.close()  # werkzeug drops the body of this answer without closing it
    return response


def _named(name: str) -> dict[str, str]:
    """The file's name as parameters of the header, which holds ASCII only. Source: RFC 6266, section 5."""
    if name.isascii():
        return {"filename": name}
    plain = "".join(character if character.isascii() else "_" for character in name)
    return {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


def _may_be_cut(size_bytes: int) -> bool:
    """Whether the range that is asked for, if any, is to be looked at; else the whole file is the answer.

    RFC 9110 allows that for several ranges (14.2), and wants it for units of other kinds and for a suffix
    that is longer than the file (14.1.2), where werkzeug would find no range at all.
    """
    if "Range" not in request.headers:
        return True
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    [(start, _)] = asked.ranges
    return -start < size_bytes
