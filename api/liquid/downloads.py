"""Files of exports by their links. Nobody logs in: who has the link has the right."""

from http import HTTPStatus

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from api.http.grounds import current_ground
from api.liquid.door import BATCH, opened
from api.usecases.downloads import open_download
from shared.storage.reading import CHUNK_BYTES

blueprint = opened("liquid_downloads", BATCH)


@blueprint.get("/download/<token>/<path:name>")
def download(token: str, name: str) -> Response:
    """The file, or the range of it that is asked for."""
    found = open_download(current_ground(), token)
    response = Response(FileWrapper(found.body, CHUNK_BYTES), direct_passthrough=True)
    response.content_type = found.media_type
    response.content_length = found.size_bytes
    response.headers.set("Content-Disposition", "attachment", filename=found.name)
    response.headers["Cache-Control"] = "private, no-cache"
    response.last_modified = found.written_at
    response.set_etag(found.etag)
    try:
        response.make_conditional(request, accept_ranges=_asks_for_one(), complete_length=found.size_bytes)
    except RequestedRangeNotSatisfiable:
        found.body.close()
        raise
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        found.body.close()  # werkzeug drops the body of this answer without closing it
    return response


def _asks_for_one() -> bool:
    """Whether a range that is asked for is one; of several, RFC 9110 lets us send the whole file instead."""
    return "," not in request.headers.get("Range", "")
