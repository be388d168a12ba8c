"""Lines, read one by one, gathered into batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from shared.instructions import Batch, Checkpoint, Instruction, Rejection

# Gives a line without a documentid one, by the number of the line; None where there is no such need.
MakeDocumentid = Callable[[int], str | None]

Outcome = Instruction | Rejection | None


# What became of the next bytes of a block: None where nothing was asked for, such as by a blank line; how
# many bytes, line ends included; how many lines. A bare tuple, because there are millions of them.
Read = tuple[Outcome, int, int]

# The database has nothing to do before it has the first batch of a block.
_FIRST_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a batch ends: after so many lines, or with the line that reaches so many bytes.

    The first ones are smaller: each has up to twice the bytes of the one before it.
    """

    lines: int
    bytes: int


def batched(reads: Iterable[Read], start: Checkpoint, limits: Limits) -> Iterator[Batch]:
    """Batches of what is read from `start` on; the last one ends where the block does.

    Memory is bounded by one batch.
    """
    instructions: list[Instruction] = []
    rejections: list[Rejection] = []
    offset, number = start
    most_bytes = min(_FIRST_BYTES, limits.bytes)
    begin, full, last = offset, offset + most_bytes, number + limits.lines
    for outcome, length, lines in reads:
        if type(outcome) is Instruction:
            instructions.append(outcome)
        elif outcome is not None:
            rejections.append(outcome)  # type: ignore[arg-type]
        offset += length
        number += lines
        if number >= last or offset >= full:
            yield Batch(instructions, rejections, Checkpoint(offset, number))
            instructions, rejections = [], []
            most_bytes = min(2 * most_bytes, limits.bytes)
            begin, full, last = offset, offset + most_bytes, number + limits.lines
    if offset > begin:
        yield Batch(instructions, rejections, Checkpoint(offset, number))
