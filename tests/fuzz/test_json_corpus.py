"""The corpus through the whole path of both doors: each line becomes a document or a rejection."""

from collections.abc import Iterable

import orjson
import pytest
from msgspec import Raw, Struct
from msgspec.json import Decoder

from api.usecases.documents import list_documents
from api.usecases.services import Service
from shared.ground import Ground
from tests.fuzz.json_corpus import CORPUS, UTF8
from tests.integration.builders import an_import, rejected_lines, work_off
from tests.integration.job_builders import a_file_import

# A file in which a byte is no text is rejected as a whole.
READABLE = {name: entry for name, entry in CORPUS.items() if entry[1] != UTF8}


class Document(Struct):
    documentid: str
    a: Raw


def block_of(entries: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(b'{"documentid":%b,"a":%b}\n' % (orjson.dumps(name), value) for name, value in entries)


def stored(ground: Ground, service: Service) -> dict[str, bytes]:
    """Of every document the property `a` as the text that a client reads."""
    page = list_documents(ground, service, "/contacts", len(CORPUS))
    documents = map(Decoder(Document).decode, page.documents)
    return {document.documentid: bytes(document.a) for document in documents}


def differences(
    expected: dict[str, tuple[bytes, bytes | str]], found: dict[str, bytes], codes: dict[int, str]
) -> dict[str, object]:
    """Entries whose outcome is another one; texts are cut to what can be shown."""
    outcomes = {name: codes.get(number, found.get(name)) for number, name in enumerate(expected, 1)}
    return {
        name: (str(outcomes[name])[:80], str(outcome)[:80])
        for name, (_, outcome) in expected.items()
        if outcomes[name] != outcome
    }


def test_every_line_of_a_block_has_its_outcome(ground: Ground, service: Service) -> None:
    block = block_of((name, value) for name, (value, _) in CORPUS.items())

    import_id = an_import(ground, service, block)
    work_off(ground, service, import_id)

    codes = {line: code for _, line, code in rejected_lines(ground, service, import_id)}
    assert differences(CORPUS, stored(ground, service), codes) == {}


def test_every_line_of_a_file_has_the_same(ground: Ground, service: Service) -> None:
    job = a_file_import(
        ground,
        service,
        block_of((name, value) for name, (value, _) in READABLE.items()),
        item_type="contacts",
    )

    job.work_off()

    assert differences(READABLE, stored(ground, service), dict(job.rejected())) == {}


LINES = {
    "a byte order mark": (b'\xef\xbb\xbf{"documentid":"1"}', None),
    "a second one": (b'\xef\xbb\xbf\xef\xbb\xbf{"documentid":"1"}', "invalid_json"),
    "UTF-16": ('{"documentid":"1"}'.encode("utf-16"), "invalid_utf8"),
    "UTF-16 without a mark": ('{"documentid":"1"}'.encode("utf-16-le"), "invalid_json"),
    "UTF-32": ('{"documentid":"1"}'.encode("utf-32"), "invalid_utf8"),
    "two objects": (b'{"documentid":"1"}{}', "invalid_json"),
    "two objects and a comma": (b'{"documentid":"1"},{}', "invalid_json"),
    "a list of objects": (b'[{"documentid":"1"}]', "not_an_object"),
    "a text": (b'"1"', "not_an_object"),
    "a record separator": (b'\x1e{"documentid":"1"}', "invalid_json"),
    "something that guards against scripts": (b')]}\',{"documentid":"1"}', "invalid_json"),
    "half": (b'{"documentid":"1"', "invalid_json"),
    "an open text": (b'{"documentid":"1', "invalid_json"),
    "a NUL behind it": (b'{"documentid":"1"}\0', "invalid_json"),
    "a form feed behind it": (b'{"documentid":"1"}\x0c', "invalid_json"),
    "many blanks": (b" " * 1_000_000 + b'{"documentid":"1"}' + b"\t" * 1_000_000, None),
    "a million characters of nothing": (b"x" * 1_000_000, "invalid_json"),
    "a name of a million characters": (b'{"documentid":"1","' + b"x" * 1_000_000 + b'":1}', None),
    "a hundred thousand properties": (
        b'{"documentid":"1",' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
        None,
    ),
    "numbers of 16 million digits": (b'{"documentid":"1","a":[' + b"1e-16000," * 1000 + b"0]}", None),
    "numbers of 32 million digits": (
        b'{"documentid":"1","a":[' + b"1e-16000," * 2000 + b"0]}",
        "numbers_too_long",
    ),
    "numbers of 31 million digits, nested": (
        b'{"documentid":"1","a":[' + b'{"b":1E+0308},' * 100_000 + b"0]}",
        "numbers_too_long",
    ),
    "powers of zero, which stay zero": (b'{"documentid":"1","a":[' + b"0e999999," * 2000 + b"0]}", None),
    "texts that look like such numbers": (
        b'{"documentid":"1","a":[' + rb'"\"1e-16000",' * 2000 + b"0]}",
        None,
    ),
    "an id of a million characters": (b'{"documentid":"' + b"x" * 1_000_000 + b'"}', "invalid_documentid"),
    "an id of a million digits": (b'{"documentid":' + b"9" * 1_000_000 + b"}", "number_out_of_range"),
    "an id of 300 digits": (b'{"documentid":' + b"9" * 300 + b"}", "invalid_documentid"),
    "an id that leads elsewhere": (b'{"documentid":"../../1"}', "invalid_documentid"),
    "two ids": (b'{"documentid":"2","documentid":"1"}', None),
}


@pytest.mark.parametrize(("line", "code"), LINES.values(), ids=LINES)
def test_a_whole_line_has_its_outcome(
    ground: Ground, service: Service, line: bytes, code: str | None
) -> None:
    import_id = an_import(ground, service, line + b'\n{"documentid":"next"}')

    done = work_off(ground, service, import_id)

    assert rejected_lines(ground, service, import_id) == ([] if code is None else [(1, 1, code)])
    assert (done.created_documents, done.rejected_documents) == ((2, 0) if code is None else (1, 1))
