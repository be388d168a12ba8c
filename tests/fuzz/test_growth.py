"""No parser remembers what it has read: each is given many long names that it has never met before."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import count
from multiprocessing import get_context

import psutil
import pytest

from api.http.digests import DigestCheck
from api.http.encodings import encoding_of
from api.http.problems import Refused
from api.liquid.job_forms import import_order
from api.liquid.oauth_scope import read_scope
from api.usecases.jobs import JobRefused
from shared.formats.items import DOCUMENTID
from shared.formats.reading import CsvLayout, FileReading
from tests.fuzz.fuzzing import choose
from tests.fuzz.test_csv import cut
from tests.fuzz.test_filters import understood
from tests.fuzz.test_forms import BOUNDARY, read
from tests.fuzz.test_lines import READERS
from tests.fuzz.test_sql import checked
from tests.fuzz.test_templates import TIGHT, outcome
from tests.fuzz.test_tokens import is_good

TIMES = 50
NAME_CHARACTERS = 4000
# What is allotted by the way; one of the names in ten would be more.
KEPT_BYTES = TIMES * NAME_CHARACTERS // 10
MANY_TIMES = 500
GROWN_BYTES = MANY_TIMES * NAME_CHARACTERS // 10


def _charset(name: str) -> None:
    with suppress(JobRefused):
        import_order({"jobName": "a", "itemType": "b", "contentType": f"text/csv; charset={name}"})


def _header(name: str) -> None:
    for parse in (DigestCheck, encoding_of):
        with suppress(Refused):
            parse(f"{name}=:AAAA:")


def _form(name: str) -> object:
    head = f'Content-Disposition: form-data; name="{name}"; {name}={name}\r\nX-{name}: {name}'
    return read(
        f"--{BOUNDARY}\r\n{head}\r\n\r\na\r\n--{BOUNDARY}--".encode(),
        f"multipart/form-data; boundary={BOUNDARY}",
    )


def _table(name: str) -> object:
    layout = CsvLayout(has_header_row=True, types={name: "int"})
    reading = FileReading(item_type="A", key=DOCUMENTID, merges=True, csv=layout)
    return cut(f"{name},{name}.a\n1,{name}\n".encode(), reading)


PARSERS: dict[str, Callable[[str], object]] = {
    "lines": lambda name: READERS["lines"].read_line(f'{{"{name}":"{name}"}}'.encode(), 1, 0),
    "items": lambda name: READERS["items"].read_line(
        f'{{"headers":{{"{name}":1}},"data":{{"{name}":1}}}}'.encode(), 1, 0
    ),
    "tables": _table,
    "filters": lambda name: understood(f"{{'{name}': u'{name}'}}"),
    "templates": lambda name: outcome(
        f"#set(${name} = '{name}')${name}${{{name}}}#{name}", {name: name}, TIGHT
    ),
    "queries": lambda name: checked(f'SELECT "{name}" AS {name}, {name}(1) FROM movie'),
    "tokens": lambda name: is_good(f"{name}.{name}.{name}"),
    "scopes": lambda name: read_scope(f"community={name[:900]}"),
    "charsets": _charset,
    "headers": _header,
    "forms": _form,
}


def names() -> Iterator[str]:
    """Different ones, that could be names in any of these languages."""
    return (f"n{number}".ljust(NAME_CHARACTERS, "x") for number in count())


def kept_bytes(parser: str) -> int:
    """Bytes that are still held when `parser` has read `TIMES` names."""
    parse, unknown = PARSERS[parser], names()
    for _ in range(10):
        parse(next(unknown))  # what is made once is made now

    tracemalloc.start()
    for _ in range(TIMES):
        parse(next(unknown))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept


def grown_bytes(parser: str) -> int:
    """How much larger the process is when `parser` has read `MANY_TIMES` more names.

    What parsers in C keep is not seen by Python.
    """
    parse, unknown, process = PARSERS[parser], names(), psutil.Process()
    sizes = []
    for _ in range(2):  # the first time the process grows to what it needs
        for _ in range(MANY_TIMES):
            parse(next(unknown))
        gc.collect()
        sizes.append(process.memory_info().rss)
    return sizes[1] - sizes[0]


@pytest.fixture(scope="module")
def alone() -> Iterator[ProcessPoolExecutor]:
    """A process with no other threads: what they allot would count, too."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=choose, initargs=(None,)) as process:
        yield process


@pytest.mark.parametrize("parser", PARSERS)
def test_nothing_is_remembered(alone: ProcessPoolExecutor, parser: str) -> None:
    """Python's table of codecs kept every charset that a client had made up."""
    assert alone.submit(kept_bytes, parser).result(timeout=60) < KEPT_BYTES


@pytest.mark.parametrize("parser", PARSERS)
def test_the_process_does_not_grow(alone: ProcessPoolExecutor, parser: str) -> None:
    assert alone.submit(grown_bytes, parser).result(timeout=300) < GROWN_BYTES
