"""How an uploaded file is to be read: a decision from what was ordered and what is known of its items."""

from dataclasses import dataclass, replace

from api.usecases.item_types import KnownType
from api.usecases.jobs import JobRefused
from shared.formats.reading import CsvLayout, FileReading
from shared.templates.velocity import compile_template


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOrder:
    """What a client wants done with its file."""

    is_csv: bool
    charset: str = "utf-8"
    merges: bool = False  # items without an action merge into the stored ones, or replace them
    has_header_row: bool = False
    separator: str = ""  # of a CSV file's cells; empty: found out
    template: str | None = None  # makes an item of a CSV row


def reading_of(item_type: KnownType, order: ImportOrder) -> FileReading:
    """What is kept with the import. Raises JobRefused, TemplateRefused."""
    return FileReading(
        item_type=item_type.name,
        key=item_type.key,
        merges=order.merges,
        charset=order.charset,
        csv=_layout(item_type, order) if order.is_csv else None,
    )


def _layout(item_type: KnownType, order: ImportOrder) -> CsvLayout:
    known = CsvLayout(has_header_row=order.has_header_row, delimiter=order.separator)
    if order.template is not None:
        compile_template(order.template)
        return replace(known, template=order.template)
    if order.has_header_row:
        return replace(known, types=item_type.types)
    if not item_type.types:
        raise JobRefused(
            f"The columns of the file are not known: send headerRow=true or a template, or give"
            f" {item_type.name} a schema."
        )
    return replace(known, header=list(item_type.types), types=item_type.types)
