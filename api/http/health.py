"""Whether the process lives, and whether it can work: probes for load balancers and orchestrators."""

from marshmallow import Schema, fields, validate

from api.http.arguments import Blueprint
from api.http.grounds import current_ground
from api.http.openapi import problems
from api.http.problems import UNAVAILABLE, Param, Problem, Refused
from api.http.stopping import STOPPING
from api.usecases.maintenance import is_on_maintenance
from shared.db.versions import is_migrated
from shared.errors import DatabaseUnavailable, StorageFault
from shared.ground import Ground
from shared.storage.contract import BlockStorage

REASONS = {
    "database": "The database does not answer.",
    "migrations": "The database has not the schema of this release: run longshore migrate.",
    "redis": "Redis does not take messages: it does not answer, is full, or cannot be written to.",
    "storage": "Block storage cannot take bytes, or is not the volume that longshore migrate has marked.",
    "stopping": "This process was told to stop, and takes its last requests.",
}

# Redis only wakes workers: without it the sweep's clock stands still, but every request is answered and
# nothing is lost. Were this a refusal, a load balancer would take all APIs out at once.
DISPENSABLE = frozenset({"redis"})

blueprint = Blueprint("health", __name__, url_prefix="/health", description="Probes. No token is needed.")


class HealthSchema(Schema):
    """A probe's answer."""

    status = fields.String(required=True, validate=validate.OneOf(["live", "ready", "degraded"]))
    missing = fields.List(
        fields.String(validate=validate.OneOf([*DISPENSABLE])),
        metadata={"description": "What does not answer, where the service works without it."},
    )
    maintenance = fields.Boolean(
        metadata={"description": "Everything that ran is paused, and goes on when maintenance ends."}
    )


def not_ready(missing: list[str]) -> Problem:
    """The refusal that names each missing dependency, and nothing of where it should be."""
    params = tuple(Param(name, REASONS[name]) for name in missing)
    return Problem(status=503, title=UNAVAILABLE.title, params=params, headers=UNAVAILABLE.headers)


@blueprint.get("/live")
@blueprint.doc(security=[])
@blueprint.response(200, HealthSchema, example={"status": "live"})
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@blueprint.get("/ready")
@blueprint.doc(security=[])
@blueprint.response(200, HealthSchema, example={"status": "ready"})
@problems(not_ready(["database", "storage"]))
def ready() -> dict[str, str | bool | list[str]]:
    """The process can answer requests; `degraded` where imports wait for a dependency to come back.

    During maintenance requests are answered, too, and `maintenance` tells of it.
    """
    if STOPPING.is_asked():
        raise Refused(not_ready(["stopping"]))
    ground = current_ground()
    missing = missing_dependencies(ground)
    if not DISPENSABLE.issuperset(missing):
        raise Refused(not_ready(missing))
    told: dict[str, str | bool | list[str]] = {"maintenance": True} if is_on_maintenance(ground) else {}
    return {"status": "degraded", "missing": missing, **told} if missing else {"status": "ready", **told}


def missing_dependencies(ground: Ground) -> list[str]:
    """Names of what does not work now, in the order of `REASONS`."""
    in_database = _missing_in_database(ground)
    missing = list(in_database)
    if not ground.dispatcher.takes_nudges():
        missing.append("redis")
    # The database knows which storage is the right one.
    if not in_database and not _takes_bytes(ground.storage):
        missing.append("storage")
    return missing


def _takes_bytes(storage: BlockStorage) -> bool:
    try:
        storage.check()
    except StorageFault:
        return False
    return True


def _missing_in_database(ground: Ground) -> list[str]:
    try:
        ground.database.ping()
        return [] if is_migrated(ground.database) else ["migrations"]
    except DatabaseUnavailable:
        return ["database"]
