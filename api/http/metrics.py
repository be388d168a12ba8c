"""`/metrics` for Prometheus: what the API's processes counted, and how the service stands, asked for now.

There is no such page unless a setting gives a token for it.
"""

from collections.abc import Iterator

from flask import Flask, Response, request
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.http import looking
from api.http.admission import CHALLENGE
from api.http.grounds import current_ground
from api.http.looking import Looker
from api.http.problems import Refused, problem
from shared.bounds import Bounds
from shared.db import standing
from shared.db.standing import Standing
from shared.errors import DatabaseUnavailable
from shared.ground import Ground
from shared.metrics import CONTENT_TYPE, exposed, is_admitted
from shared.settings import Settings

TOKEN_WRONG = problem(
    401,
    "Unauthorized",
    "Authorization",
    "Expected the token that LONGSHORE_METRICS_TOKEN names: Authorization: Bearer <token>",
    WWW_Authenticate=CHALLENGE,
)

_CAPPED = f"Up to {standing.COUNTED:,} are counted."


def install(app: Flask, settings: Settings) -> None:
    """Answer at /metrics whoever has the token, where there is one."""
    token = settings.metrics_token
    if token is None:
        return

    @app.get("/metrics")
    def show_metrics() -> Response:
        if not is_admitted(request.headers.get("Authorization"), token):
            raise Refused(TOKEN_WRONG)
        collector = StandingCollector(current_ground(), looking.current())
        return Response(exposed(collector), content_type=CONTENT_TYPE)


class StandingCollector(Collector):
    """How the service stands; without a database, only that there is none."""

    def __init__(self, ground: Ground, looker: Looker) -> None:
        self._ground = ground
        self._looker = looker

    def collect(self) -> Iterator[Metric]:
        """Every gauge, each with all of its states."""
        dispatcher = self._ground.dispatcher
        found = self._look()
        # The database knows which storage is the right one.
        takes_bytes = None if found is None else self._looker.storage_takes_bytes(self._ground)
        yield from told(found, dispatcher.waiting() if dispatcher.takes_nudges() else None, takes_bytes)

    def _look(self) -> Standing | None:
        try:
            with self._ground.database.begin() as session:
                return standing.look(session, Bounds.of(self._ground.settings))
        except DatabaseUnavailable:
            return None


def told(found: Standing | None, nudges: int | None, takes_bytes: bool | None) -> Iterator[Metric]:
    """The same of what the database says, how many nudges wait and whether storage takes bytes; None of what
    is not known.
    """
    yield _gauge("redis_up", "Whether Redis takes nudges.", nudges is not None)
    if nudges is not None:
        yield _gauge("nudges", "Nudges that no worker has taken yet.", nudges)
    yield _gauge("database_up", "Whether the database answers.", found is not None)
    if takes_bytes is not None:
        yield _gauge("storage_up", "Whether block storage takes bytes.", takes_bytes)
    if found is not None:
        yield from _of_rows(found)


def _of_rows(found: Standing) -> Iterator[Metric]:
    yield _gauge(
        "oldest_started_import_seconds",
        "How long ago the import that waits longest for nothing but a worker was started, or resumed.",
        found.oldest_started_import_seconds,
    )
    yield _gauge(
        "wanted_processes",
        f"Processes of workers that have a block or an export, or could take one now. {_CAPPED}",
        found.wanted_processes,
    )
    yield _by("open_imports", f"Imports that workers have or may take. {_CAPPED}", "status", found.imports)
    yield _by("unfinished_blocks", f"Their blocks that are not applied. {_CAPPED}", "state", found.blocks)
    yield _by("open_exports", f"Exports that have not ended. {_CAPPED}", "status", found.exports)
    yield _gauge("unsent_mails", f"Mails that wait. {_CAPPED}", found.mails)
    yield _gauge("oldest_mail_seconds", "How long one of them has waited at most.", found.oldest_mail_seconds)
    yield _gauge("maintenance", "Whether everything is paused for maintenance.", found.is_on_maintenance)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"longshore_{name}", meaning, value=float(value))


def _by(name: str, meaning: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"longshore_{name}", meaning, labels=[label])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family
