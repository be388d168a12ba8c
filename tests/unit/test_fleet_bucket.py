"""What docker/bucket.py saves of a bucket that changes meanwhile."""

import io
import tarfile
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from obstore.store import MemoryStore

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PROGRAM = Path(__file__).parents[2] / "docker/bucket.py"
NAMES = ["1/a", "1/b", "2/a"]
LARGE = b"x" * 30_000  # more than a tar keeps back


@pytest.fixture(scope="module")
def bucket() -> ModuleType:
    spec = spec_from_file_location("bucket", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def objects() -> MemoryStore:
    store = MemoryStore()
    for name in NAMES:
        store.put(name, LARGE)
    return store


class Interrupted(io.BytesIO):
    """Something happens after the first bytes have come."""

    def __init__(self, happen: Callable[[], None]) -> None:
        super().__init__()
        self._happen = happen

    def write(self, given: "ReadableBuffer", /) -> int:
        if not self.tell():
            self._happen()
        return super().write(given)


def contents(saved: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def test_what_is_removed_after_it_was_listed_is_left_out(bucket: ModuleType, objects: MemoryStore):
    """The backup of a fleet at work ended in the middle."""
    saved = Interrupted(lambda: objects.delete("1/b"))

    bucket.save(objects, saved)

    assert contents(saved.getvalue()) == {"1/a": LARGE, "2/a": LARGE}


def test_what_is_removed_while_it_is_read_is_not_taken_for_a_whole_one(bucket: ModuleType):
    objects = MemoryStore()
    objects.put("1/a", b"x" * (2 * bucket.PIECE_BYTES))

    assert not bucket.read_whole(objects, "1/a", Interrupted(lambda: objects.delete("1/a")))


def test_what_stays_is_saved_and_loaded(bucket: ModuleType, objects: MemoryStore):
    saved, loaded = io.BytesIO(), MemoryStore()
    objects.put("2/a", b"x" * (2 * bucket.PIECE_BYTES + 1))

    bucket.save(objects, saved)
    bucket.load(loaded, io.BytesIO(saved.getvalue()))

    assert {name: loaded.get(name).bytes() for name in NAMES} == {
        name: objects.get(name).bytes() for name in NAMES
    }
