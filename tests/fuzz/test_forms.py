"""Any form is fields, or refused, whichever way it is sent and wherever its bytes are cut."""

import gc
import io
from collections.abc import Iterator
from urllib.parse import urlencode

import orjson
import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder

from api.http.problems import Refused
from api.liquid.door import ParameterInvalid
from api.liquid.forms import fields_of, usable
from api.liquid.job_forms import description_of, export_order, import_order, job_id_of
from api.liquid.uploads import parts_of
from api.usecases.arrivals import UploadTooLarge
from api.usecases.jobs import JobRefused
from tests.fuzz.fuzzing import altered, fuzzed, of_pieces

LIMIT_BYTES = 100_000
DOCUMENTED = (Refused, ParameterInvalid, RequestEntityTooLarge, UploadTooLarge)
NAMES = """
    jobName itemType contentType template merge headerRow rowHeader separator filters sqlQuery gzip
    notificationEmail jobId file page
"""
PIECES = """
    True 0 1 tab , ; text/csv application/json text/csv;charset=utf-16 text/plain;charset="utf-7 - {}
    ;charset*=utf-8''x a@b.example <a@b> a@b,c@d é@x @ {'a':'b'} $a #if($a) #end urn:uuid:
    00000000-0000-0000-0000-000000000000
"""
VALUES = of_pieces([*PIECES.split(), " ", "\0", "\n", "\r\n", "\t", "\ufeff", "\u202e"], most=6)
FIELDS = st.dictionaries(st.sampled_from(NAMES.split()), VALUES)

BOUNDARY = "--b-42"
HEADS = [
    'Content-Disposition: form-data; name="file"; filename="a.csv"',
    'content-disposition: form-data; name="jobName"',
    "Content-Disposition: form-data; name*=utf-8''a%ed%a0%80",
    'Content-Disposition: form-data; name="a\\"b"; name=c;;;=',
    "Content-Disposition: attachment",
    "Content-Type: text/csv; charset=\xff",
    "Content-Transfer-Encoding: base64",
    ": x",
    " folded",
]
BYTES = [*HEADS, f"--{BOUNDARY}", f"--{BOUNDARY}--", "\r\n", "\r\n\r\n", "\n", "\r", "--", "\0", "a=1&b=%zz"]
WHOLE = {
    "two fields": (
        f"--{BOUNDARY}\r\n{HEADS[1]}\r\n\r\na\r\n--{BOUNDARY}\r\n{HEADS[0]}\r\n\r\nid\r\n1\r\n--{BOUNDARY}--\r\n"
    ).encode()
}
BODIES = altered(WHOLE) | of_pieces(BYTES).map(str.encode) | st.binary(max_size=60)
TYPES = st.sampled_from(
    [
        f"multipart/form-data; boundary={BOUNDARY}",
        'multipart/form-data; boundary="--b-42"; boundary=x',
        "multipart/form-data; boundary*=utf-8''--b-42",
        "multipart/form-data",
        "multipart/mixed; boundary=--b-42",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/json",
        "text/plain",
        "",
    ]
)


def request_of(body: bytes, content_type: str) -> Request:
    builder = EnvironBuilder(method="POST", input_stream=io.BytesIO(body), content_type=content_type)
    return Request(
        builder.get_environ() | {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    )


def read(body: bytes, content_type: str) -> object:
    """The fields, as the doors for small forms and for files read them."""
    try:
        fields = fields_of(request_of(body, content_type))
        parts = [(part.name, part.text()) for part in parts_of(request_of(body, content_type), LIMIT_BYTES)]
    except DOCUMENTED:
        return None
    return fields, usable(parts)


@pytest.fixture
def _collected() -> Iterator[None]:
    """Of a form that turns out to be none, werkzeug leaves the files to the garbage collector."""
    yield
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_collected")
@fuzzed
@given(BODIES, TYPES)
def test_any_body_is_fields_or_refused(body: bytes, content_type: str) -> None:
    read(body, content_type)


@fuzzed
@given(FIELDS)
def test_fields_are_the_same_whichever_way_they_come(fields: dict[str, str]) -> None:
    urlencoded = request_of(urlencode(fields).encode(), "application/x-www-form-urlencoded")
    in_json = request_of(orjson.dumps(fields), "application/json")

    assert fields_of(urlencoded) == fields_of(in_json) == usable(fields.items())


@fuzzed
@given(FIELDS, VALUES)
def test_any_fields_are_an_order_or_a_reason(fields: dict[str, str], part_type: str) -> None:
    given = usable(fields.items())

    for read_fields in (description_of, job_id_of, lambda f: import_order(f, part_type), export_order):
        try:
            read_fields(given)
        except (JobRefused, ParameterInvalid):
            continue
