"""Looking for numbers that PostgreSQL refuses takes no more memory than the line has."""

import tracemalloc

from shared.instructions import Batch, Checkpoint, Instruction, Operation
from shared.long_fractions import without_long_fractions

MIB = 1024 * 1024


def a_batch(properties: bytes) -> Batch:
    line = Instruction(1, 0, len(properties), Operation.MERGE, "1", properties)
    return Batch([line], [], Checkpoint(len(properties), 1))


def test_a_long_text_is_passed_over_in_little_memory():
    """One of 19 MB took 2.3 GB and ended its worker, import by import."""
    batch = a_batch(b'{"a":"' + rb"1e-20000\"" * (MIB // 10) + b'"}')

    tracemalloc.start()
    kept = without_long_fractions(batch)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept == batch
    assert peak_bytes < 4 * MIB


def test_the_number_behind_it_is_found():
    batch = a_batch(b'{"a":"' + b"x" * MIB + b'","b":1e-20000}')

    assert [rejection.code for rejection in without_long_fractions(batch).rejections] == [
        "number_out_of_range"
    ]
