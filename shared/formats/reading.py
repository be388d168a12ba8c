"""How the lines of an import become instructions: kept with the import, the same for all of its blocks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self

from shared.formats.batching import MakeDocumentid, Outcome, Read
from shared.formats.cells import CellRefused, CellTypes
from shared.formats.csv_rows import CsvReader
from shared.formats.flattening import text_of
from shared.formats.items import ItemReader, ItemType
from shared.formats.json_lines import Place, Refusal, rejection_at
from shared.formats.ndjson import NdjsonReader
from shared.formats.usual_rows import UsualRows
from shared.instructions import Checkpoint, Rejection, operation_of
from shared.templates.budget import Budget
from shared.templates.errors import LimitReached, TemplateRefused
from shared.templates.velocity import Template, compile_template


class Reader(Protocol):
    """Makes what the engine applies of a block's lines."""

    def read(self, groups: Iterable[Sequence[bytes]], start: Checkpoint) -> Iterator[Read]:
        """What the lines from `start` on ask for, in groups that are not empty; line ends are kept."""


@dataclass(frozen=True, kw_only=True)
class CsvLayout:
    """What is known of a CSV file's rows."""

    header: list[str] = field(default_factory=list)  # empty: not known before the file is cut
    has_header_row: bool = False
    delimiter: str = ""  # empty: not known before the file is cut
    types: dict[str, str] = field(default_factory=dict)  # by column
    template: str | None = None  # makes an item of a row


@dataclass(frozen=True, kw_only=True)
class FileReading:
    """What to make of an uploaded file of items."""

    item_type: str
    key: str
    merges: bool
    charset: str = "utf-8"
    csv: CsvLayout | None = None  # None: JSON

    @property
    def has_template(self) -> bool:
        """Whether items are rendered."""
        return self.csv is not None and self.csv.template is not None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        csv = kept["csv"]
        return cls(**{**kept, "csv": None if csv is None else CsvLayout(**csv)})


def datastore_reader(strategies: Iterable[str], make_documentid: MakeDocumentid) -> Reader:
    """Reads NDJSON as the Datastore API takes it."""
    return NdjsonReader(operation_of(strategies), make_documentid)


def file_reader(reading: FileReading, make_documentid: MakeDocumentid, budget: Budget) -> Reader:
    """Reads blocks that were cut out of a file of items. Raises TemplateRefused.

    Reading raises LimitReached where a template takes more than it or `budget` may.
    """
    items = ItemReader(ItemType(reading.item_type, reading.key, reading.merges), make_documentid)
    if reading.csv is None:
        return items
    rows = _Rows(reading.csv, items, budget)
    return CsvReader(reading.csv.delimiter, len(reading.csv.header), rows.read_row, rows.usual.read_all)


class _Rows:
    """Rows as items: by a template, or each cell as a property."""

    def __init__(self, layout: CsvLayout, items: ItemReader, budget: Budget) -> None:
        self._items = items
        self._header = layout.header
        self._cells = CellTypes(layout.header, layout.types)
        self._template = None if layout.template is None else compile_template(layout.template)
        self._budget = budget
        names = self._cells.texts() if self._template is None else []
        self.usual = UsualRows(items.item_type, names)

    def read_row(self, cells: Sequence[str], number: int, offset: int, length: int) -> Outcome:
        usual = self.usual.read(cells, number, offset, length)
        return usual or self._read_any(cells, (number, offset, length))

    def _read_any(self, cells: Sequence[str], place: Place) -> Outcome:
        try:
            if self._template is None:
                return self._items.read_properties(self._cells.properties(cells), place)
            return _told_of_template(self._items.read_text(self._rendered(self._template, cells), place))
        except CellRefused as refused:
            return rejection_at(place, Refusal("invalid_cell", str(refused)))
        except LimitReached:
            raise
        except TemplateRefused as refused:
            return rejection_at(place, Refusal("template_refused", str(refused)))

    def _rendered(self, template: Template, cells: Sequence[str]) -> bytes:
        row = dict(zip(self._header, map(text_of, cells), strict=True))
        return template.render(row, self._budget).encode()


def _told_of_template(outcome: Outcome) -> Outcome:
    """What is wrong with the text that a template made is not wrong with the line that it came from."""
    if not isinstance(outcome, Rejection):
        return outcome
    return outcome._replace(reason=outcome.reason.replace("The line ", "The template's text ", 1))
