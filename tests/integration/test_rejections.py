"""Rejected lines, by the page and with the line they were."""

from api.usecases.imports import PAGE
from api.usecases.rejections import list_rejections, stream_rejections
from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import an_import, ndjson, work_off

BROKEN = 700


def broken_lines(block: int) -> list[bytes]:
    return [b"broken %d.%d" % (block, n) for n in range(BROKEN)]


def test_rejections_are_listed_by_the_thousand_in_the_order_of_the_lines(ground: Ground, service: Service):
    import_id = an_import(ground, service, *(ndjson(*broken_lines(block)) for block in (1, 2, 3)))
    work_off(ground, service, import_id)

    pages = [list_rejections(ground, service, import_id, page) for page in (1, 2, 3, 4, 10**30)]

    places = [(line.block_number, line.line_number) for page in pages for line in page]
    assert places == [(block, line) for block in (1, 2, 3) for line in range(1, BROKEN + 1)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 3 * BROKEN - 2 * PAGE, 0, 0]


def test_every_rejection_comes_with_its_line_unchanged(ground: Ground, service: Service):
    blocks = [broken_lines(block) for block in (1, 2, 3)]
    import_id = an_import(ground, service, *(ndjson(*block) for block in blocks))
    work_off(ground, service, import_id)

    found = [original for _, original in stream_rejections(ground, service, import_id)]

    assert found == [line + b"\n" for block in blocks for line in block]


def test_lines_keep_their_bytes_and_ends(ground: Ground, service: Service):
    block = b'\xef\xbb\xbf{"documentid":"1"}\r\n\n\xff\r\n{"documentid":"2"}\n{"unfinished'
    import_id = an_import(ground, service, block)
    work_off(ground, service, import_id)

    found = [(line.line_number, original) for line, original in stream_rejections(ground, service, import_id)]

    assert found == [(3, b"\xff\r\n"), (5, b'{"unfinished')]


def test_an_import_without_rejections_has_none_to_stream(ground: Ground, service: Service):
    assert list(stream_rejections(ground, service, an_import(ground, service))) == []
