"""Documents leave the database as they were stored, whatever is in them and wherever a portion ends."""

import json

import pytest

from api.usecases.services import Service
from shared.db import selecting
from shared.db.selecting import Selection
from shared.formats.portions import StoredDocuments
from shared.ground import Ground
from tests.integration.querying import a_collection

TEXTS = [
    "plain",
    'quote " and backslash \\',
    "\\",
    "\\n is no line end",
    "a\nb\r\nc\td\be\ff",
    "\x01 stands between, \x1f and \x7f",
    "\\x01 \\1 \\. \\N",
    "Zo\u00eb \u2028 \U0001f600",
    "x" * 100_000 + "\\",
]
DOCUMENTS: dict[str, object] = {
    **{
        f"{number:03d} {text[:40]}": {"text": text} for number, text in enumerate(TEXTS) if text.isprintable()
    },
    **{f"{number:03d}": {"text": text, text: [text, None, 1.5]} for number, text in enumerate(TEXTS)},
    **{f"many {number:04d}": {"text": TEXTS[number % 8] * (number % 50)} for number in range(2_000)},
}


@pytest.fixture
def selection(ground: Ground, service: Service) -> Selection:
    return Selection(a_collection(ground, service, "/awkward", DOCUMENTS), "documentid")


def streamed(ground: Ground, selection: Selection) -> list[StoredDocuments]:
    found: list[StoredDocuments] = []
    with ground.database.begin() as session:
        selecting.stream(session, selection, found.append)
    return found


def test_as_values(ground: Ground, selection: Selection):
    found = [row for portion in streamed(ground, selection) for row in portion.rows()]

    assert {documentid: json.loads(properties) for documentid, properties in found} == DOCUMENTS
    assert [documentid for documentid, _ in found] == sorted(DOCUMENTS)


def test_as_items(ground: Ground, selection: Selection):
    texts = [portion.items(b'{"id":', b',"data":', b"}", b",") for portion in streamed(ground, selection)]

    found = json.loads(b"[" + b",".join(texts) + b"]")
    assert {item["id"]: item["data"] for item in found} == DOCUMENTS


def test_portions_are_many_and_tell_how_many_they_hold(ground: Ground, selection: Selection):
    found = streamed(ground, selection)

    assert len(found) > 10
    assert sum(map(len, found)) == len(DOCUMENTS)
    assert all(len(portion) == len(list(portion.each())) for portion in found)


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_lines_may_come_in_pieces(size: int):
    """The driver gives whole ones today, and promises nothing."""
    sent = b'a\x01{"t": "\\\\\\\\"}\nb\x01{}\nc\x01{"n": 1}\n'
    found: list[StoredDocuments] = []
    lines = selecting._Lines(found.append)

    for start in range(0, len(sent), size):
        lines.write(sent[start : start + size])

    assert [row for portion in found for row in portion.rows()] == [
        ("a", b'{"t": "\\\\"}'),
        ("b", b"{}"),
        ("c", b'{"n": 1}'),
    ]
