"""Multipart bodies as streams, wherever their pieces are cut."""

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from api.http.problems import Refused
from api.liquid.uploads import HEAD_LIMIT_BYTES, PART_LIMIT, TEXT_LIMIT_BYTES, parts_of

BOUNDARY = "--b-42"


def part(name: str, content: bytes) -> bytes:
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    )


def request_of(body: bytes) -> Request:
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    builder = EnvironBuilder(method="POST", input_stream=io.BytesIO(body), content_type=content_type)
    return Request(builder.get_environ())


def texts(body: bytes) -> list[tuple[str, str]]:
    return [(part.name, part.text()) for part in parts_of(request_of(body), 10_000_000)]


END = f"--{BOUNDARY}--\r\n".encode()


@given(st.binary(max_size=200), st.text(max_size=20))
def test_contents_come_out_as_they_went_in(content: bytes, text: str):
    body = part("file", content) + part("field", text.encode()) + END

    first, second = Contents(request_of(body)).read()

    assert (first, second) == (content, text.encode())


class Contents:
    def __init__(self, request: Request) -> None:
        self._request = request

    def read(self) -> Iterator[bytes]:
        for found in parts_of(self._request, 10_000_000):
            yield b"".join(found.pieces)


def test_a_part_that_is_not_read_is_passed_over():
    body = part("file", b"x" * 200_000) + part("field", b"text") + END

    names = [found.name for found in parts_of(request_of(body), 10_000_000)]

    assert names == ["file", "field"]


@given(st.data())
def test_a_body_that_is_cut_off_anywhere_is_refused(data: st.DataObject):
    body = part("a", b"1") + part("b", b"2") + END
    cut = data.draw(st.integers(0, len(body) - 4))

    with pytest.raises(Refused):
        texts(body[:cut])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n".encode() + END,
        f"--{BOUNDARY}\r\nContent-Disposition: \xff\r\n\r\nx\r\n".encode("latin-1") + END,
    ],
)
def test_what_is_no_form_is_refused(body: bytes):
    with pytest.raises(Refused):
        texts(body)


@pytest.mark.parametrize(
    "body",
    [
        part("a", b"x" * (TEXT_LIMIT_BYTES + 1)) + END,
        part("a", b"") * (PART_LIMIT + 1) + END,
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; x={'x' * 2 * HEAD_LIMIT_BYTES}".encode(),
        b"x" * 2 * HEAD_LIMIT_BYTES,
    ],
)
def test_what_is_too_much_is_refused(body: bytes):
    with pytest.raises(RequestEntityTooLarge):
        texts(body)
