"""Documents to import, the same in every run."""

from collections.abc import Iterator

import orjson

STREETS = ("Harbour Street", "Quay Road", "Long Pier", "Old Dock Lane", "Customs Walk")


def flat_documents(count: int) -> Iterator[tuple[str, bytes]]:
    """Documentid and whole line, without line end, of about 200 bytes each."""
    for number in range(count):
        documentid = f"contact-{number:010d}"
        yield (
            documentid,
            orjson.dumps(
                {
                    "documentid": documentid,
                    "name": f"Contact number {number}",
                    "address": f"{number % 997}, {STREETS[number % len(STREETS)]}",
                    "phone": f"1-555-{number % 1000:03d}-{number % 10000:04d}",
                    "email": f"contact{number}@example.org",
                    "active": number % 3 == 0,
                    "visits": number % 1013,
                }
            ),
        )


def blocks_of(lines: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """The lines in blocks of at most `size_bytes`."""
    block: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) + 1 > size_bytes:
            yield b"".join(block)
            block, size = [], 0
        block += (line, b"\n")
        size += len(line) + 1
    if block:
        yield b"".join(block)
