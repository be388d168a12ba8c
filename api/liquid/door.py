"""What every request about jobs and items goes through: admission, and refusals in this door's form."""

from flask import Response
from flask_smorest import Blueprint

from api.liquid import errors
from api.liquid.admission import admit_liquid
from api.usecases.arrivals import UploadTooLarge
from api.usecases.downloads import DownloadExpired, DownloadNotFound
from api.usecases.jobs import JobIdTaken, JobNotFound, JobRefused
from shared.errors import LongshoreError

BATCH = "/ls/api/batch"

# Status and error of what these calls refuse, beside the table that all calls of the door share.
REFUSALS: dict[type[LongshoreError], tuple[int, str]] = {
    JobNotFound: (404, "not_found"),
    JobIdTaken: (409, "invalid_request"),
    JobRefused: (400, "invalid_request"),
    UploadTooLarge: (413, "invalid_request"),
    DownloadNotFound: (404, "not_found"),
    DownloadExpired: (410, "gone"),
}


class ParameterInvalid(LongshoreError):
    """A parameter of a call that makes no job is missing or cannot be used."""

    code = "parameter_invalid"


def guarded(name: str, prefix: str, description: str) -> Blueprint:
    """A blueprint whose views see only requests that were let in to a community."""
    blueprint = opened(name, prefix, description)
    blueprint.before_request(admit_liquid)
    return blueprint


def opened(name: str, prefix: str, description: str) -> Blueprint:
    """A blueprint whose views anybody may call."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix, description=description)
    errors.speak(blueprint)
    blueprint.register_error_handler(ParameterInvalid, _answer)
    for error in REFUSALS:
        blueprint.register_error_handler(error, _answer)
    return blueprint


def _answer(error: LongshoreError) -> Response:
    status, name = REFUSALS.get(type(error), (400, "invalid_request"))
    return errors.refusal(status, name, str(error))
