"""Tokens: asked for, validated, described and given a community, under /ls/api/oauth2."""

from datetime import UTC, datetime

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc6750 import InsufficientScopeError
from flask import Response, request
from flask_smorest import Blueprint

from api.http.grounds import current_ground
from api.liquid import errors, schemas
from api.liquid.admission import authenticate, current_access
from api.liquid.description import FORM, TOKEN_REFUSED, described, form
from api.liquid.door import ParameterInvalid
from api.liquid.forms import fields_of
from api.liquid.oauth_grants import TokenRequest, TokenServer, client_credentials
from api.usecases import access
from api.usecases.access import CommunityRefused
from api.usecases.services import Service
from api.usecases.slowing import Origin

FORM_EXPECTED = "Expected form fields (application/x-www-form-urlencoded)"

GRANTED = TOKEN_REFUSED | {403: "No such community has been granted"}

blueprint = Blueprint(
    "tokens", __name__, url_prefix="/ls/api/oauth2", description="Access to the Liquid Decisions API."
)
errors.speak(blueprint)
server = TokenServer()


@blueprint.before_request
def _authenticate() -> None:
    if request.endpoint != f"{blueprint.name}.token":
        authenticate()


@blueprint.post("/token")
@described(
    schemas.TOKEN,
    {FORM: schemas.TOKEN_FORM},
    refusals={401: "The client is unknown, or its secret another", 429: "Too many logins failed"},
    needs_token=False,
)
def token() -> Response:
    """Tokens for a password, for a client, or for a refresh token."""
    given = _form()
    if not given.get("grant_type"):
        raise InvalidRequestError(f"Missing 'grant_type' in request. {FORM_EXPECTED}.")
    credentials = client_credentials(given, request.headers.get("Authorization"))
    origin = Origin(request.remote_addr, datetime.now(UTC))
    answered: Response = server.create_token_response(
        TokenRequest(current_ground(), origin, given, credentials)
    )
    return answered


@blueprint.route("/validate", methods=["GET", "POST"])
@described(schemas.TOKEN_INFO)
def validate() -> Response:
    """That the token is good, and what it opens."""
    return _described(current_access().service)


@blueprint.post("/tokenInfo")
@described(schemas.TOKEN_INFO)
def token_info() -> Response:
    """Whose token it is, and for which community. Nobody can log in as somebody else, so both ids agree."""
    return _described(current_access().service)


@blueprint.post("/setCommunity")
@described(schemas.TOKEN_INFO, form(schemas.COMMUNITY_FORM), refusals=GRANTED)
def set_community() -> Response:
    """Choose the token's community among those granted."""
    name = _community()
    if not name:
        raise InvalidRequestError("Missing 'community' in request.")
    return _described(_choose(name))


@blueprint.post("/setProperties")
@described(
    schemas.TOKEN_INFO,
    form(schemas.PROPERTIES_FORM, schemas.PROPERTIES_JSON),
    refusals=GRANTED,
    needs_body=False,
)
def set_properties() -> Response:
    """What a device tells about itself is taken and not kept; a community in it is chosen."""
    name = _community()
    return _described(_choose(name) if name else current_access().service)


def _form() -> dict[str, str]:
    """The form's fields. RFC 6749, section 3.2: none may come twice. Raises InvalidRequestError."""
    for name, values in request.form.lists():
        if len(values) > 1:
            raise InvalidRequestError(f"Multiple {errors.tellable(name)} in request.")
    return request.form.to_dict()


def _community() -> str:
    """The community that the request names, whichever way it is written; empty where it names none."""
    try:
        return fields_of(request).get("community", "").strip()
    except ParameterInvalid as error:
        raise InvalidRequestError(errors.tellable(str(error))) from error


def _choose(name: str) -> Service:
    try:
        return access.choose_community(current_ground(), current_access(), name)
    except CommunityRefused as error:
        raise InsufficientScopeError(errors.tellable(str(error))) from error


def _described(service: Service | None) -> Response:
    holder = current_access().holder
    name = holder.user.email if holder.user else holder.client_id
    community = service.name if service else None
    return errors.answer(200, {"userId": name, "authenticatedUserId": name, "community": community})
