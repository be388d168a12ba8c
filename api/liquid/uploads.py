"""A multipart body as a stream: parts as they come, the file among them never held in memory or on disk."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from api.http.bodies import body_pieces
from api.http.problems import Refused, problem
from api.usecases.arrivals import UploadTooLarge
from shared.errors import BlockTooLarge

# What stands between parts, and before a part's content: headers and boundaries.
HEAD_LIMIT_BYTES = 512 * 1024
# Of a part that is not the file. The largest is a template: 65,536 characters of up to four bytes.
TEXT_LIMIT_BYTES = 256 * 1024
PART_LIMIT = 50

NOT_MULTIPART = problem(
    415, "Invalid content-type", "Content-Type", "Expected content-type: multipart/form-data with a boundary"
)
MALFORMED = problem(400, "Invalid body", "body", "The body is not complete and correct multipart/form-data")


@dataclass(frozen=True, slots=True)
class Part:
    """One field or file. What of it was not read is passed over when the next one is asked for."""

    name: str
    content_type: str
    pieces: Iterator[bytes]

    def text(self) -> str:
        """All of it, as UTF-8. Raises RequestEntityTooLarge beyond TEXT_LIMIT_BYTES."""
        held = bytearray()
        for piece in self.pieces:
            held += piece
            if len(held) > TEXT_LIMIT_BYTES:
                raise RequestEntityTooLarge(
                    f"The parameter {self.name} has more than {TEXT_LIMIT_BYTES} bytes, the most it may have."
                )
        return held.decode("utf-8", "replace")


def parts_of(request: Request, file_limit_bytes: int) -> Iterator[Part]:
    """The body's parts in the order they come. Headers are judged before this returns.

    The iterator, or a part's pieces, raises Refused for a body that is malformed or cut off, and
    UploadTooLarge, as this does, for one that only a file of more than `file_limit_bytes` can make so large.
    """
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise Refused(NOT_MULTIPART)
    with _limit_told(file_limit_bytes):
        pieces = body_pieces(request, file_limit_bytes + TEXT_LIMIT_BYTES)
    return _parts(_events(pieces, boundary, file_limit_bytes))


@contextmanager
def _limit_told(file_limit_bytes: int) -> Iterator[None]:
    try:
        yield
    except BlockTooLarge as error:
        raise UploadTooLarge(file_limit_bytes) from error


def _parts(events: Iterator[Event]) -> Iterator[Part]:
    for event in events:
        if isinstance(event, Field | File):
            pieces = _content(events)
            yield Part(event.name or "", event.headers.get("content-type", ""), pieces)
            for _ in pieces:
                pass


def _content(events: Iterator[Event]) -> Generator[bytes, None, None]:
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return


def _events(pieces: Iterator[bytes], boundary: str, file_limit_bytes: int) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary.encode(), HEAD_LIMIT_BYTES, max_parts=PART_LIMIT)
    event: Event | None = None
    try:
        with _limit_told(file_limit_bytes):
            for piece in pieces:
                decoder.receive_data(piece)
                while not isinstance(event := decoder.next_event(), NeedData):
                    yield event
        decoder.receive_data(None)
        while not isinstance(event, Epilogue):
            event = decoder.next_event()
            yield event
    except ValueError as error:
        raise Refused(MALFORMED) from error
