"""Who asks, and of which data service: the host name names the service, a bearer token proves the right.

The order matters: without a service there are no secrets that could verify a token.
"""

from flask import g, request
from structlog.contextvars import bind_contextvars

from api.http.grounds import current_ground, current_settings
from api.http.problems import Refused, problem
from api.http.rates import count_service, refused_by_address
from api.usecases import services, tokens
from api.usecases.services import Service
from api.usecases.tokens import TokenForbidden, TokenInvalid
from shared.errors import ServiceNotFound
from shared.settings import Settings

CHALLENGE = 'Bearer realm="longshore"'

TOKEN_MISSING = problem(
    401,
    "Unauthorized",
    "Authorization",
    "Expected a token of the data service: Authorization: Bearer <token>",
    WWW_Authenticate=CHALLENGE,
)


HOST_MALFORMED = problem(400, "Invalid host", "Host", "Expected a host name and, behind a colon, a port")


def admit() -> None:
    """Let the request in or refuse it; later steps find its data service by `current_service`.

    Raises ServiceNotFound, TokenForbidden, Refused with 401, and TooManyRequests.
    """
    with refused_by_address(ServiceNotFound, TokenForbidden, Refused):
        g.service = _service_of_token()
    count_service()


def current_service() -> Service:
    """The data service this request was admitted to."""
    service: Service = g.service
    return service


def service_name(host: str, settings: Settings) -> str:
    """The data service that a Host header means: NAME of `NAME.<base domain>`, else the default one."""
    name = host.lower() if host.startswith("[") else host.lower().partition(":")[0]
    prefix, found, rest = name.removesuffix(".").rpartition("." + settings.base_domain.lower())
    return prefix if found and not rest else settings.default_service


def _service_of_token() -> Service:
    ground = current_ground()
    if not request.host and request.headers.get("Host"):
        raise Refused(HOST_MALFORMED)
    name = service_name(request.host, current_settings())
    service, secrets = services.find_with_secrets(ground, name)
    bind_contextvars(service=service.name)
    _verify(_bearer_token(), secrets)
    return service


def _bearer_token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(TOKEN_MISSING)
    return token.strip()


def _verify(token: str, secrets: list[str]) -> None:
    try:
        tokens.verify(token, secrets)
    except TokenInvalid as error:
        challenge = f'{CHALLENGE}, error="invalid_token"'
        refusal = problem(401, "Unauthorized", "Authorization", str(error), WWW_Authenticate=challenge)
        raise Refused(refusal) from error
