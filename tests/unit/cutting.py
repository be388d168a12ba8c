"""Files cut in memory: what comes of them, and why they are refused."""

import io
from collections.abc import Iterable
from typing import Any

import pytest

from shared.formats.cutting import FileCutter, Part
from shared.formats.pieces import FileRefused
from shared.formats.reading import CsvLayout, FileReading


def a_reading(csv: CsvLayout | None = None, charset: str = "utf-8") -> FileReading:
    return FileReading(item_type="A", key="id", merges=False, charset=charset, csv=csv)


def a_table(**layout: Any) -> CsvLayout:
    return CsvLayout(**({"has_header_row": True} | layout))


def cut(
    content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8"
) -> tuple[list[Part], FileReading]:
    """The file's blocks, each as if it were one part."""
    cutter = FileCutter(a_reading(csv, charset))
    blocks = blocks_of(cutter.cut(io.BytesIO(content)))
    return blocks, cutter.reading


def blocks_of(parts: Iterable[Part]) -> list[Part]:
    blocks: list[Part] = []
    is_at_end = True
    for part in parts:
        block = part if is_at_end else _together(blocks.pop(), part)
        is_at_end = part.ends_block
        blocks.append(block._replace(ends_block=False))
    return blocks


def _together(first: Part, second: Part) -> Part:
    assert second.lines_before == first.lines_before + first.lines
    return Part(first.body + second.body, first.lines_before, first.lines + second.lines)


def body(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> bytes:
    return b"".join(block.body for block in cut(content, csv, charset)[0])


def refusal(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> str:
    with pytest.raises(FileRefused) as refused:
        cut(content, csv, charset)
    return str(refused.value)
