"""Documents to import, the same in every run."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson

from api.cli.demo_records import airports

STREETS = ("Harbour Street", "Quay Road", "Long Pier", "Old Dock Lane", "Customs Walk")
BLOCK_BYTES = 20 * 1024 * 1024

# Documentid, or nothing, and the whole line without its line end.
Document = tuple[str, bytes]


def flat_documents(count: int, *, first: int = 0) -> Iterator[Document]:
    """About 200 bytes each."""
    return (_document(number, _contact(number)) for number in range(first, first + count))


def nested_documents(count: int) -> Iterator[Document]:
    """About 2 kB each: lists of objects, two levels deep."""
    for number in range(count):
        lines = [{"sku": f"A-{n}", "count": n, "price": 9.5} for n in range(4)]
        orders = [{"order": f"{number}-{n}", "lines": lines} for n in range(9)]
        yield _document(number, _contact(number) | {"orders": orders, "tags": {"a": [number], "b": {}}})


def large_documents(count: int) -> Iterator[Document]:
    """About 20 kB each: mostly text, with escapes."""
    text = 'He said: "Load it."\n' * 900
    return (_document(number, _contact(number) | {"log": text}) for number in range(count))


def real_documents(count: int) -> Iterator[Document]:
    """Airports of a data package, about 150 bytes each, repeated under new ids."""
    found = [airport | {"iata": airport.pop("documentid")} for airport in airports()]
    return (_document(number, found[number % len(found)]) for number in range(count))


SHAPES: dict[str, Callable[[int], Iterator[Document]]] = {
    "flat, 200 bytes": flat_documents,
    "nested, 2 kB": nested_documents,
    "20 kB": large_documents,
    "airports": real_documents,
}


def changed(document: Document) -> Document:
    """The same document with another value of one property."""
    documentid, line = document
    return documentid, orjson.dumps(orjson.loads(line) | {"visits": -1})


def without_ids(documents: Iterable[Document]) -> list[Document]:
    """The documents under the same ids, which their lines do not name."""
    found = []
    for documentid, line in documents:
        properties = orjson.loads(line)
        del properties["documentid"]
        found.append((documentid, orjson.dumps(properties)))
    return found


def blocks_of(documents: Iterable[Document], size_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The lines in blocks of at most `size_bytes`."""
    block: list[bytes] = []
    size = 0
    for _, line in documents:
        if size + len(line) + 1 > size_bytes:
            yield b"".join(block)
            block, size = [], 0
        block += (line, b"\n")
        size += len(line) + 1
    if block:
        yield b"".join(block)


def size_of(documents: Sequence[Document]) -> int:
    """Bytes of all lines, line ends included."""
    return sum(len(line) + 1 for _, line in documents)


def _document(number: int, properties: dict[str, object]) -> Document:
    documentid = f"contact-{number:010d}"
    return documentid, orjson.dumps({"documentid": documentid} | properties)


def _contact(number: int) -> dict[str, object]:
    return {
        "name": f"Contact number {number}",
        "address": f"{number % 997}, {STREETS[number % len(STREETS)]}",
        "phone": f"1-555-{number % 1000:03d}-{number % 10000:04d}",
        "email": f"contact{number}@example.org",
        "active": number % 3 == 0,
        "visits": number % 1013,
    }
