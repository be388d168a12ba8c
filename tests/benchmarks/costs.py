"""What grows, or does not, in every picture: bytes of WAL, time, memory and connections."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.benchmarks.footprint import Server
from tests.benchmarks.pictures import Panel
from tests.benchmarks.stack import Stack

# Whose memory, and whose connections, by what the stack and the server call them.
_WORKERS = {"worker", "workers"}
_NAMES = {"api": "API", "worker": "workers"}


class Costs:
    """The panels of one picture."""

    def __init__(self, wal_unit: str, time: Panel, *, only_workers: bool = False) -> None:
        """`only_workers`: memory and connections are those of workers, and have a curve for each case."""
        self._only_workers = only_workers
        self._wal = Panel("WAL", wal_unit)
        self.time = time
        whose = "of workers" if only_workers else "of all"
        self._memory = Panel(f"memory {whose}, peak", "MB")
        self._connections = Panel(f"connections {whose}, peak", "")

    @property
    def panels(self) -> list[Panel]:
        return [self._wal, self.time, self._memory, self._connections]

    @contextmanager
    def watching(self, stack: Stack, curve: str, grown: float, count: int) -> Iterator[None]:
        """Adds a point: what the body costs, its WAL for each of `count`."""
        server = Server(stack.description["database_url"])
        with (
            server.costing() as cost,
            server.watching_connections() as connections,
            stack.watching_memory() as peaks,
        ):
            yield
        self._wal.add(curve, grown, cost.wal_bytes / count)
        self._add(self._memory, curve, grown, {role: most / 2**20 for role, most in peaks.items()})
        self._add(self._connections, curve, grown, connections)

    def _add(self, panel: Panel, curve: str, grown: float, peaks: Mapping[str, float]) -> None:
        for role, most in peaks.items():
            if not self._only_workers:
                panel.add(_NAMES.get(role, role), grown, most)
            elif role in _WORKERS:
                panel.add(curve, grown, most)
