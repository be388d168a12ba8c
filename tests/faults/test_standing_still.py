"""Whether a worker that stood still was taken over from, and refused when it went on."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.services import Service
from shared.ground import Ground
from tests.faults.standing_still import StandsStill
from tests.integration.builders import an_import, claim, numbered

EXPIRE = "UPDATE blocks SET leased_until = clock_timestamp() WHERE import_id = :import_id"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "worker.log"
    log.write_text("")
    return log


def take_over(ground: Ground, import_id: int) -> None:
    with ground.database.begin() as session:
        session.execute(text(EXPIRE), {"import_id": import_id})
    assert claim(ground, import_id, worker="awake") is not None


def test_it_is_met_when_another_worker_has_taken_over(ground: Ground, service: Service, log: Path):
    import_id = an_import(ground, service, numbered(3))
    claim(ground, import_id, worker="frozen")
    stands_still = StandsStill(ground, "frozen", log)
    assert not stands_still()

    take_over(ground, import_id)

    assert stands_still()


def test_what_others_take_over_from_each_other_does_not_matter(ground: Ground, service: Service, log: Path):
    claim(ground, an_import(ground, service, numbered(3)), worker="frozen")
    import_id = an_import(ground, service, numbered(3))
    claim(ground, import_id, worker="another")
    stands_still = StandsStill(ground, "frozen", log)

    take_over(ground, import_id)

    assert not stands_still()


@pytest.mark.parametrize(
    ("event", "block", "was_refused"),
    [
        ("block_left", 1, True),  # its lease is another's
        ("block_failed", 1, True),  # its session was ended
        ("block_left", 2, False),
        ("batch_applied", 1, False),
        ("worker_named", 1, None),  # in the place of one that was killed meanwhile
    ],
)
def test_it_is_refused_when_it_says_so(
    ground: Ground, service: Service, log: Path, event: str, block: int, was_refused: bool | None
):
    import_id = an_import(ground, service, numbered(3))
    claim(ground, import_id, worker="frozen")
    log.write_text(json.dumps({"event": "block_left", "import_id": import_id, "block": 1}) + "\n")
    stands_still = StandsStill(ground, "frozen", log)

    stands_still.listen()
    with log.open("a") as said:
        said.write(json.dumps({"event": event, "import_id": import_id, "block": block}) + "\n")

    assert stands_still.was_refused() is was_refused


def test_what_may_end_without_another_worker_is_not_held(ground: Ground, service: Service, log: Path):
    add_collection(ground, service, "/canceled")
    import_id = an_import(ground, service, numbered(3), collection="/canceled")
    claim(ground, import_id, worker="frozen")
    stands_still = StandsStill(ground, "frozen", log)

    take_over(ground, import_id)

    assert not stands_still()
