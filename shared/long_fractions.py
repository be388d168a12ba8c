"""Numbers with more decimal places than PostgreSQL keeps: valid JSON that it refuses, with the whole batch.

Looked for only in a batch that was refused: looking costs more than parsing the line does.
"""

import re

from shared.formats.json_lines import TEXT
from shared.instructions import Batch

# https://www.postgresql.org/docs/current/datatype-numeric.html
MAX_DECIMAL_PLACES = 16383
_REASON = f"The line holds a number with more than {MAX_DECIMAL_PLACES} decimal places."

_NUMBER = re.compile(rb"\.([0-9]+)(?:[eE]([+-]?[0-9]+))?|[0-9][eE]([+-]?[0-9]+)")


def without_long_fractions(batch: Batch) -> Batch:
    """The batch with the lines that hold such a number rejected."""
    refused = [line for line in batch.instructions if _is_refused(line.properties)]
    return batch.with_rejected(refused, "number_out_of_range", _REASON)


def _is_refused(properties: bytes) -> bool:
    bare = TEXT.sub(b'""', properties)
    return any(_decimal_places(match) > MAX_DECIMAL_PLACES for match in _NUMBER.finditer(bare))


def _decimal_places(match: re.Match[bytes]) -> int:
    fraction, exponent, bare_exponent = match.groups()
    shift = int((exponent or bare_exponent or b"0")[:9])
    return len(fraction or b"") - shift
