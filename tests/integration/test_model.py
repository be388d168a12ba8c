"""The engine against the model: random imports, and whatever can happen to them between two batches."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from api.usecases.collections import add_collection
from api.usecases.imports import get_import
from api.usecases.services import add_service
from shared.ground import Ground
from shared.lifecycle import SETTABLE, Status
from tests.integration.builders import (
    BOTH,
    CREATE,
    MANY_DOCUMENTS,
    UPDATE,
    Counts,
    an_import,
    counts_of,
    documents,
    go_home,
    ndjson,
    rejected_lines,
    take_nudges,
    tuned,
)
from tests.integration.model import BATCH_LINES, BROKEN, Line, ModelCollection, ModelImport, numbered
from tests.integration.players import Engine, Killed, Model, Player

_numbers = count(1)

UUID_CHARACTERS = 36

# As written in a line, and the document's id.
IDS = {b'"1"': "1", b"1": "1", b"1.50": "1.50", b'"1.50"': "1.50", rb'"\u00e9"': "é", b'"x y"': "x y"}
VALUES = ["1", "1.10", "12345678901234567890.123456789", '"x"', r'"\u00e9"', '[1,{"d":2.50}]', "{}", "null"]


def _document(written_id: bytes | None, properties: dict[str, str]) -> Line:
    members = ",".join(f'"{name}":{value}' for name, value in properties.items())
    if written_id is None:
        return Line(b"{%s}" % members.encode(), None, f"{{{members}}}")
    text = b'{"documentid":' + written_id + (b"," + members.encode() if members else b"") + b"}\r"
    return Line(text, IDS[written_id], f"{{{members}}}")


PROPERTIES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(VALUES), max_size=3)
LINES = st.one_of(
    st.builds(_document, st.sampled_from(sorted(IDS)), PROPERTIES),
    st.builds(_document, st.sampled_from(sorted(IDS)), PROPERTIES),
    st.builds(_document, st.none(), PROPERTIES),
    st.sampled_from([Line(text, code=code) for text, code in BROKEN.items()]),
    st.sampled_from([Line(b"", is_blank=True), Line(b" \r", is_blank=True)]),
)
BLOCKS = st.lists(st.lists(LINES, min_size=1, max_size=12), max_size=3)
STRATEGIES = st.sampled_from([BOTH, CREATE, UPDATE])
ASKED = st.sampled_from(sorted(SETTABLE))
BATCHES = st.integers(1, 4)
ENDS = st.sampled_from(["go on", "go home", "die"])
FIRST_STATUSES = st.sampled_from([Status.STARTED, Status.CONFIGURING])


def die() -> bool:
    raise Killed


def go_on() -> bool:
    return False


ENDED = {"go on": go_on, "go home": go_home, "die": die}


class Imports(RuleBasedStateMachine):
    """Several imports of one collection; whatever happens, happens to the engine and to the model."""

    imports = Bundle("imports")

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = tuned(ground, batch_lines=BATCH_LINES)
        self.service, _ = add_service(ground, f"model-{next(_numbers)}")
        add_collection(ground, self.service, "/contacts")
        self.collection = ModelCollection()
        self.model = Model()
        self.engine = Engine(self.ground, self.service)

    def both(self, happen: Callable[[Player], object]) -> None:
        assert happen(self.engine) == happen(self.model)

    @rule(
        target=imports,
        strategies=STRATEGIES,
        blocks=BLOCKS,
        status=FIRST_STATUSES,
        is_ordered=st.booleans(),
    )
    def create(
        self, strategies: tuple[str, ...], blocks: list[list[Line]], status: Status, is_ordered: bool
    ) -> int:
        bodies = [ndjson(*(line.text for line in block)) for block in blocks]
        chosen: dict[str, Any] = {"strategies": strategies, "status": status, "is_ordered": is_ordered}
        import_id = an_import(self.ground, self.service, *bodies, **chosen)
        self.model.imports[import_id] = ModelImport(self.collection, blocks=numbered(blocks), **chosen)
        return import_id

    @rule(which=imports, status=ASKED)
    def ask(self, which: int, status: Status) -> None:
        self.both(lambda player: player.ask(which, status))

    @rule(which=imports)
    def work(self, which: int) -> None:
        self.both(lambda player: player.work(which, MANY_DOCUMENTS, go_on))

    @rule(which=imports, batches=BATCHES, status=ASKED)
    def ask_in_the_middle(self, which: int, batches: int, status: Status) -> None:
        self.both(lambda player: player.work(which, batches, lambda: player.ask(which, status) and False))

    @rule(which=imports, batches=BATCHES)
    def go_home_in_the_middle(self, which: int, batches: int) -> None:
        self.both(lambda player: player.work(which, batches, go_home))

    @rule(which=imports, batches=BATCHES)
    def die_in_the_middle(self, which: int, batches: int) -> None:
        self.both(lambda player: player.work(which, batches, die))

    @rule(which=imports, batches=BATCHES, later=BATCHES)
    def be_taken_over_in_the_middle(self, which: int, batches: int, later: int) -> None:
        def take_over(player: Player) -> bool:
            player.expire(which)
            player.work(which, later, go_home)
            return False

        self.both(lambda player: player.work(which, batches, lambda: take_over(player)))

    @rule(which=imports, other=imports, batches=BATCHES)
    def let_another_import_go_between(self, which: int, other: int, batches: int) -> None:
        def between(player: Player) -> bool:
            player.work(other, MANY_DOCUMENTS, go_on)
            return False

        self.both(lambda player: player.work(which, batches, lambda: between(player)))

    @rule(which=imports, batches=BATCHES, later=BATCHES, end=ENDS)
    def be_joined_in_the_middle(self, which: int, batches: int, later: int, end: str) -> None:
        def join(player: Player) -> bool:
            player.work(which, later, ENDED[end])
            return False

        self.both(lambda player: player.work(which, batches, lambda: join(player)))

    @rule(which=consumes(imports), batches=BATCHES)
    def delete_in_the_middle(self, which: int, batches: int) -> None:
        self.both(lambda player: player.work(which, batches, lambda: bool(player.delete(which))))

    @rule(which=imports)
    def let_leases_expire(self, which: int) -> None:
        self.both(lambda player: player.expire(which))

    @invariant()
    def imports_are_as_the_model_says(self) -> None:
        for import_id, model in self.model.imports.items():
            row = get_import(self.ground, self.service, import_id)
            expected = Counts(model.created, model.updated, model.skipped, len(model.rejections))
            assert counts_of(row) == expected
            assert expected.lines == model.lines_read
            assert (row.status, row.failure_count) == (model.status, model.failures)

    @invariant()
    def documents_are_as_the_model_says(self) -> None:
        found = documents(self.ground, self.service)
        named = {key: document for key, document in found.items() if len(key) != UUID_CHARACTERS}
        assert named == self.collection.documents
        unnamed = [document for key, document in found.items() if len(key) == UUID_CHARACTERS]
        assert _counted(unnamed) == _counted(self.collection.unnamed)

    def teardown(self) -> None:
        for import_id, model in self.model.imports.items():
            assert rejected_lines(self.ground, self.service, import_id) == sorted(model.rejections)
        take_nudges(self.ground)


def _counted(found: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(repr(sorted(document.items())) for document in found)


@pytest.mark.usefixtures("write_path")
def test_whatever_happens_documents_and_counters_are_those_of_the_model(ground: Ground):
    run_state_machine_as_test(
        lambda: Imports(ground),
        # The same examples in every run. A step waits for a real database, so it has no deadline.
        settings=settings(max_examples=30, stateful_step_count=15, derandomize=True, deadline=None),
    )
