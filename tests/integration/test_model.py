"""The engine against the model: random imports, and whatever can happen to them between two batches."""

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.imports import get_import
from api.usecases.services import add_service
from shared.db.failures import translated
from shared.errors import BatchRefused
from shared.ground import Ground
from shared.lifecycle import SETTABLE, Status
from tests.fuzz.fuzzing import repeated
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
    take_nudges,
    told_of_lines,
    tuned,
)
from tests.integration.model import (
    BATCH_LINES,
    BROKEN,
    REASONS,
    Line,
    ModelCollection,
    ModelImport,
    numbered,
)
from tests.integration.players import Engine, Killed, Model, Player
from tests.integration.ways import IMPORTS, STAGED, USUAL, Way

_numbers = count(1)

UUID_CHARACTERS = 36

# Lines that are rejected, and with which code.
HIDDEN_NUL, LONG_FRACTION = rb'{"a":"\u0000","a":1}', b'{"documentid":"fraction","a":1e-17000}'
WRONG = BROKEN | {HIDDEN_NUL: "refused_by_database", LONG_FRACTION: "number_out_of_range"}

# As written in a line, and the document's id.
IDS = {b'"1"': "1", b"1": "1", b"1.50": "1.50", b'"1.50"': "1.50", rb'"\u00e9"': "é", b'"x y"': "x y"}
VALUES = [
    "1",
    "1.10",
    "12345678901234567890.123456789",
    '"x"',
    r'"\u00e9"',
    '[1,{"d":2.50}]',
    '[{"d":2.50},1]',
    "{}",
    "null",
]


class Asked(NamedTuple):
    """A document that a line asks for."""

    written_id: bytes | None
    properties: dict[str, str]  # each as JSON

    def line(self, way: Way) -> Line:
        """How it is written where the engine goes that way."""
        members = ",".join(f'"{name}":{value}' for name, value in way.properties(self.properties).items())
        if self.written_id is None:
            return Line(b"%b{%b}" % (way.head, members.encode()), None, f"{{{members}}}")
        text = b'%b{"documentid":%b%b%b}\r' % (
            way.head,
            self.written_id,
            b"," * bool(members),
            members.encode(),
        )
        return Line(text, IDS[self.written_id], f"{{{members}}}")


PROPERTIES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(VALUES), max_size=3)
LINES = st.one_of(
    st.builds(Asked, st.sampled_from(sorted(IDS)), PROPERTIES),
    st.builds(Asked, st.sampled_from(sorted(IDS)), PROPERTIES),
    st.builds(Asked, st.none(), PROPERTIES),
    st.sampled_from([Line(line, code=code) for line, code in WRONG.items()]),
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

    def __init__(self, ground: Ground, way: Way) -> None:
        super().__init__()
        self.way = way
        self.ground = tuned(ground, batch_lines=BATCH_LINES)
        self.service, _ = add_service(ground, f"model-{next(_numbers)}")
        add_collection(ground, self.service, "/contacts")
        self.collection = ModelCollection()
        self.model = Model()
        self.engine = Engine(self.ground, self.service)
        self.reasons = (
            REASONS
            | {LONG_FRACTION: "The line holds a number with more than 16383 decimal places."}
            | {
                line: refusal_of(ground, line)
                for line, code in WRONG.items()
                if code == "refused_by_database"
            }
        )

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
        self, strategies: tuple[str, ...], blocks: list[list[Asked | Line]], status: Status, is_ordered: bool
    ) -> int:
        written = [
            [line.line(self.way) if isinstance(line, Asked) else line for line in block] for block in blocks
        ]
        bodies = [ndjson(*(line.text for line in block)) for block in written]
        chosen: dict[str, Any] = {"strategies": strategies, "status": status, "is_ordered": is_ordered}
        import_id = an_import(self.ground, self.service, *bodies, **chosen)
        self.model.imports[import_id] = ModelImport(
            self.collection, blocks=numbered(written), number=import_id, **chosen
        )
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
        unnamed = {_place_of(key): document for key, document in found.items() if len(key) == UUID_CHARACTERS}
        assert unnamed == self.collection.unnamed

    def teardown(self) -> None:
        for import_id, model in self.model.imports.items():
            self._work_off(import_id, len(model.blocks))
        self.imports_are_as_the_model_says()
        self.documents_are_as_the_model_says()
        for import_id, model in self.model.imports.items():
            expected = [(*told, self.reasons[model.line_at(*told[:2]).text]) for told in model.rejections]
            assert told_of_lines(self.ground, self.service, import_id) == sorted(expected)
        take_nudges(self.ground)

    def _work_off(self, import_id: int, blocks: int) -> None:
        self.both(lambda player: player.ask(import_id, Status.STARTED))
        self.both(lambda player: player.ask(import_id, Status.RESUMED))
        self.both(lambda player: player.expire(import_id))
        for _ in range(blocks + 1):
            self.both(lambda player: player.work(import_id, MANY_DOCUMENTS, go_on))


def refusal_of(ground: Ground, text_of_object: bytes) -> str:
    """What the database, whose version it is, says of a document that it refuses."""
    with pytest.raises(BatchRefused) as refused, translated(), ground.database.begin() as session:
        session.execute(text("SELECT CAST(:it AS jsonb)"), {"it": text_of_object.decode()})
    return f"{refused.value}."


def _place_of(documentid: str) -> tuple[int, int, int]:
    """The numbers of import, block and line that an id was made of."""
    bits = UUID(documentid).int
    block = (bits >> 64 & 0xFFF) << 8 | bits >> 54 & 0xFF
    return bits & (1 << 30) - 1, block, bits >> 30 & (1 << 24) - 1


@pytest.mark.parametrize("way", IMPORTS.values(), ids=IMPORTS)
def test_whatever_happens_documents_and_counters_are_those_of_the_model(
    ground: Ground, force: Callable[[Way], None], way: Way
):
    force(way)

    run_state_machine_as_test(
        lambda: Imports(ground, way),
        # The same examples for every way. A step waits for a real database, so it has no deadline.
        settings=repeated(30 if way in (USUAL, STAGED) else 10, stateful_step_count=15),
    )
