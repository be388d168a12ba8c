"""NUL that only the database would see is told before it, and nothing is taken for it that is none."""

import pytest

from shared.db.batches import prepare
from shared.hidden_nul import without_hidden_nul
from shared.instructions import Batch, Checkpoint, Instruction, Operation
from tests.effort import that_ends


def a_batch(*properties: bytes) -> Batch:
    lines = [Instruction(n, 0, 1, Operation.MERGE, f"{n}", text) for n, text in enumerate(properties, 1)]
    return Batch(lines, [], Checkpoint(1, len(lines)))


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        (rb'{"a":{"b":"\u0000","b":1}}', True),
        (rb'{"a":{"b\u0000":1}}', True),
        (rb'{"a":"\\\u0000"}', True),
        (rb'{"a":"\u0001\u0000"}', True),
        (rb'{"a":"\\u0000 \u0000"}', True),
        (rb'{"a":"\\u0000"}', False),
        (rb'{"a":"\\\\u0000"}', False),
        (rb'{"a":"\u00001"}', True),
        (rb'{"a":"u0000 \u0001"}', False),
        (rb'{"a":"\"u0000"}', False),
    ],
)
def test_an_odd_number_of_backslashes_makes_it_nul(text: bytes, is_refused: bool):
    kept = without_hidden_nul(a_batch(text))

    assert len(kept.rejections) == is_refused


def test_a_batch_of_nothing_else_is_told_without_the_database():
    """Halved down to each line, a block of 5,000 took half a minute."""
    prepared = prepare(a_batch(*[rb'{"a":{"b":"\u0000","b":1}}'] * 5000), 1)

    assert (prepared.batch.instructions, len(prepared.batch.rejections)) == ([], 5000)


def test_megabytes_of_backslashes_are_looked_at_once():
    text = b'{"a":"' + rb"\\" * (10 << 20) + rb'u0000"}'

    with that_ends():
        assert without_hidden_nul(a_batch(text)).rejections == []
