"""Two that can be told the same: the engine on its database, and the model of it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from api.usecases.imports import delete_import
from api.usecases.services import Service
from shared.errors import StatusRefused
from shared.ground import Ground
from shared.lifecycle import SETTABLE, Status
from tests.integration.builders import after_batches, ask, let_leases_expire, work
from tests.integration.model import ModelImport


class Killed(BaseException):
    """The worker is gone and could not say so."""


class Player(Protocol):
    """What can happen to an import."""

    def ask(self, import_id: int, status: Status) -> bool:
        """Whether a client's wish is granted."""

    def work(self, import_id: int, batches: int, act: Callable[[], bool]) -> None:
        """One nudge; after so many batches `act` happens, says whether to stop, or raises Killed."""

    def expire(self, import_id: int) -> None:
        """Workers that hold a block of the import are not heard of any longer."""

    def delete(self, import_id: int) -> None:
        """The import is removed."""


class Engine:
    """The real one."""

    def __init__(self, ground: Ground, service: Service) -> None:
        self._ground, self._service = ground, service

    def ask(self, import_id: int, status: Status) -> bool:
        try:
            ask(self._ground, self._service, import_id, status)
        except StatusRefused:
            return False
        return True

    def work(self, import_id: int, batches: int, act: Callable[[], bool]) -> None:
        with suppress(Killed):
            work(self._ground, import_id, should_stop=after_batches(batches, act))

    def expire(self, import_id: int) -> None:
        let_leases_expire(self._ground, import_id)

    def delete(self, import_id: int) -> None:
        delete_import(self._ground, self._service, import_id)


class Model:
    """The one in memory."""

    def __init__(self) -> None:
        self.imports: dict[int, ModelImport] = {}

    def ask(self, import_id: int, status: Status) -> bool:
        model = self.imports[import_id]
        has_got_on = status in ("started", "resumed") and model.status in ("running", "complete")
        return model.status == status or has_got_on or model.move(SETTABLE[status])

    def work(self, import_id: int, batches: int, act: Callable[[], bool]) -> None:
        with suppress(Killed):
            self.imports[import_id].work(batches, act)

    def expire(self, import_id: int) -> None:
        self.imports[import_id].expire()

    def delete(self, import_id: int) -> None:
        self.imports.pop(import_id).status = Status.CANCELED
