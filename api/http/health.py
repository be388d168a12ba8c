"""Whether the process lives, and whether it can work: probes for load balancers and orchestrators."""

from marshmallow import Schema, fields, validate

from api.http import looking
from api.http.arguments import Blueprint
from api.http.grounds import current_ground
from api.http.looking import DISPENSABLE
from api.http.openapi import problems
from api.http.problems import UNAVAILABLE, Param, Problem, Refused
from api.http.stopping import STOPPING

REASONS = {
    "database": "The database does not answer.",
    "migrations": "The database has not the schema of this release: run longshore migrate.",
    "redis": "Redis does not take messages: it does not answer, is full, or cannot be written to.",
    "storage": "Block storage cannot take bytes, or is not the volume that longshore migrate has marked.",
    "stopping": "This process was told to stop, and takes its last requests.",
}

blueprint = Blueprint("health", __name__, url_prefix="/health", description="Probes. No token is needed.")


class HealthSchema(Schema):
    """A probe's answer."""

    status = fields.String(required=True, validate=validate.OneOf(["live", "ready", "degraded"]))
    missing = fields.List(
        fields.String(validate=validate.OneOf(DISPENSABLE)),
        metadata={"description": "What does not answer, where most requests are answered without it."},
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
    """The process can answer requests; `degraded` where some of what they ask for waits for what is missing.

    Without Redis imports wait; without the bucket of blocks uploads are answered with 503, too. During
    maintenance requests are answered, and `maintenance` tells of it.
    """
    if STOPPING.is_asked():
        raise Refused(not_ready(["stopping"]))
    found = looking.current().look(current_ground())
    if not found.is_ready:
        raise Refused(not_ready(found.missing))
    told: dict[str, str | bool | list[str]] = {"maintenance": True} if found.is_on_maintenance else {}
    if found.missing:
        return {"status": "degraded", "missing": found.missing, **told}
    return {"status": "ready", **told}
