"""What a batch of mixed operations does to each document, whether it is there before or not.

Lines that name the same document are composed in order. Since only the database knows whether it is there,
both fates are worked out, and it picks one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shared.folding import merge
from shared.instructions import Instruction, Operation


class Change(StrEnum):
    """What is written in the end."""

    KEEP = "keep"  # nothing
    MERGE = "merge"  # the properties are set, the others stay
    PUT = "put"  # the properties are the document
    REMOVE = "remove"


class Step(NamedTuple):
    """What one operation does."""

    outcome: str  # the counter that its line adds to
    change: Change


# The one table of what operations do, by whether the document is there.
STEPS: Mapping[tuple[Operation, bool], Step] = {
    (Operation.CREATE, True): Step("skipped", Change.KEEP),
    (Operation.CREATE, False): Step("created", Change.PUT),
    (Operation.UPDATE, True): Step("updated", Change.MERGE),
    (Operation.UPDATE, False): Step("skipped", Change.KEEP),
    (Operation.MERGE, True): Step("updated", Change.MERGE),
    (Operation.MERGE, False): Step("created", Change.PUT),
    (Operation.REPLACE, True): Step("updated", Change.PUT),
    (Operation.REPLACE, False): Step("created", Change.PUT),
    (Operation.DELETE, True): Step("deleted", Change.REMOVE),
    (Operation.DELETE, False): Step("skipped", Change.KEEP),
}


@dataclass(slots=True)
class Fate:
    """What becomes of a document that is there before, or of one that is not."""

    was_there: bool
    is_there: bool
    change: Change = Change.KEEP
    properties: bytes = b"{}"
    outcomes: Counter[str] = field(default_factory=Counter)

    def take(self, operation: Operation, properties: bytes) -> None:
        """Compose one more operation."""
        outcome, change = STEPS[operation, self.is_there]
        self.outcomes[outcome] += 1
        if change is Change.REMOVE:
            self.is_there = False
            self.change = Change.REMOVE if self.was_there else Change.KEEP
        elif change is Change.PUT:
            self.is_there = True
            self.change, self.properties = Change.PUT, properties
        elif change is Change.MERGE:
            self.properties = merge(self.properties, properties)
            # What was put in this batch stays a put, with more in it.
            self.change = Change.PUT if self.change is Change.PUT else Change.MERGE


class Fates(NamedTuple):
    """Both fates of one document."""

    if_there: Fate
    if_not: Fate


def compose(instructions: Iterable[Instruction]) -> dict[str, Fates]:
    """Both fates of each document that the instructions name, in the order of the documentids."""
    found: dict[str, Fates] = {}
    for instruction in instructions:
        if instruction.documentid is None:
            continue
        if instruction.documentid not in found:
            found[instruction.documentid] = Fates(Fate(True, True), Fate(False, False))
        for fate in found[instruction.documentid]:
            fate.take(instruction.operation, instruction.properties)
    return dict(sorted(found.items()))
