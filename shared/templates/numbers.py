"""Numbers out of texts, and numbers as texts."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal

from shared.templates.arithmetic import number_of
from shared.templates.errors import Misuse
from shared.templates.values import Value, text_of

_is_number = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?").fullmatch
_read_pattern = re.compile(r"(#,##)?0(?:\.(0{1,20}))?").fullmatch
# Wide enough for every number that arithmetic lets through, with twenty decimals.
_WIDE = Context(prec=500, rounding=ROUND_HALF_UP)


def read_number(value: Value) -> Value:
    """The number a text holds, such as "-12.50"; None if it holds none."""
    if not isinstance(value, str):
        return number_of(value)
    text = value.strip()
    if not _is_number(text):
        return None
    return Decimal(text) if "." in text else int(text)


def format_number(value: Value, pattern: Value) -> str:
    """The number rounded half up, as `0`, `0.00` or `#,##0.00` asks; what is no number stays as it is."""
    form = _read_pattern(text_of(pattern))
    if form is None:
        raise Misuse("$number.format knows patterns such as 0, 0.00 and #,##0.00, and not this one.")
    number = number_of(read_number(value))
    if number is None:
        return text_of(value)
    places = len(form[2] or "")
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-places), context=_WIDE)
    return f"{rounded:{',' if form[1] else ''}f}"
