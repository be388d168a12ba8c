"""Where batches end, and what they say of the lines in them."""

from shared.formats.batching import Limits, Read, batched
from shared.instructions import Checkpoint, Instruction, Operation, Rejection

START = Checkpoint(0, 0)


def a_line(number: int) -> Instruction:
    return Instruction(number, 0, 10, Operation.MERGE, str(number), b"{}")


def reads(*outcomes: object) -> list[Read]:
    """Lines of ten bytes."""
    return [(outcome, 10, 1) for outcome in outcomes]  # type: ignore[misc]


def test_a_batch_ends_after_so_many_lines():
    found = list(batched(reads(*map(a_line, range(1, 6))), START, Limits(lines=2, bytes=1000)))

    assert [[line.line_number for line in batch.instructions] for batch in found] == [[1, 2], [3, 4], [5]]
    assert [batch.end for batch in found] == [(20, 2), (40, 4), (50, 5)]


def test_a_batch_ends_with_the_line_that_reaches_so_many_bytes():
    found = list(batched(reads(*map(a_line, range(1, 6))), START, Limits(lines=100, bytes=15)))

    assert [batch.end.line_number for batch in found] == [2, 4, 5]


def test_the_first_batches_are_smaller_so_that_the_database_has_something_to_do_soon():
    rows: list[Read] = [(a_line(number), 1024, 1) for number in range(1, 4097)]

    found = list(batched(rows, START, Limits(lines=5000, bytes=1 << 20)))

    sizes = [len(batch.instructions) for batch in found]
    assert sizes == [128, 256, 512, 1024, 1024, 1024, 128]


def test_lines_that_ask_for_nothing_count():
    [batch] = batched(reads(None, None), START, Limits(lines=2, bytes=1000))

    assert (batch.instructions, batch.rejections, batch.end) == ([], [], (20, 2))


def test_a_row_of_several_lines_is_not_taken_apart():
    rows: list[Read] = [(a_line(1), 30, 3), (a_line(4), 30, 3)]

    found = list(batched(rows, START, Limits(lines=2, bytes=1000)))

    assert [batch.end for batch in found] == [(30, 3), (60, 6)]


def test_rejections_stand_beside_the_instructions():
    rejected = Rejection(2, 10, 10, None, "code", "reason")

    [batch] = batched(reads(a_line(1), rejected), START, Limits(lines=5, bytes=1000))

    assert ([line.line_number for line in batch.instructions], batch.rejections) == ([1], [rejected])


def test_places_are_counted_from_where_the_reading_starts():
    [batch] = batched(reads(a_line(8)), Checkpoint(70, 7), Limits(lines=5, bytes=1000))

    assert batch.end == (80, 8)


def test_nothing_read_makes_no_batch():
    assert list(batched([], START, Limits(lines=5, bytes=1000))) == []
