"""Files cut in memory: what comes of them, and why they are refused."""

import io
from typing import Any

import pytest

from shared.formats.cutting import Cut, FileCutter
from shared.formats.pieces import FileRefused
from shared.formats.reading import CsvLayout, FileReading


def a_reading(csv: CsvLayout | None = None, charset: str = "utf-8") -> FileReading:
    return FileReading(item_type="A", key="id", merges=False, charset=charset, csv=csv)


def a_table(**layout: Any) -> CsvLayout:
    return CsvLayout(**({"has_header_row": True} | layout))


def cut(
    content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8"
) -> tuple[list[Cut], FileReading]:
    cutter = FileCutter(a_reading(csv, charset))
    blocks = list(cutter.cut(io.BytesIO(content)))
    return blocks, cutter.reading


def body(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> bytes:
    return b"".join(block.body for block in cut(content, csv, charset)[0])


def refusal(content: bytes, csv: CsvLayout | None = None, charset: str = "utf-8") -> str:
    with pytest.raises(FileRefused) as refused:
        cut(content, csv, charset)
    return str(refused.value)
