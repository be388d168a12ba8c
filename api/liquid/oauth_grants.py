"""How tokens are asked for: the grants of RFC 6749 that this door takes, on Authlib's framework-neutral core.

Authlib finds the grant and checks a request's form. Who logs in and what they get is for the use cases.
Authlib's own steps from there on are not used: they write the tokens they issue to the debug log.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidRequestError,
    OAuth2Request,
    TokenEndpointMixin,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Response
from werkzeug.datastructures import Authorization

from api.liquid import errors
from api.liquid.oauth_scope import read_scope, write_scope
from api.usecases import access, logins
from api.usecases.access import ACCESS_SECONDS, Holder, Issued
from api.usecases.accounts import Client, User
from api.usecases.logins import ClientRefused
from api.usecases.slowing import Origin
from shared.ground import Ground

# Authlib refuses requests that are not https. TLS ends before us, at the load balancer.
_URI = "https://localhost/ls/api/oauth2/token"

Answer = tuple[int, Mapping[str, object], Iterable[tuple[str, str]]]
Credentials = tuple[str, str]


class Caller(ClientMixin):
    """Who sends the request: a client that has proved itself, or a program that is none."""

    def __init__(self, client: Client | None) -> None:
        self.client = client

    def check_grant_type(self, grant_type: str) -> bool:
        """Every client may use every grant of this door."""
        return True


class TokenRequest(OAuth2Request):
    """A request for a token, with what its grant needs to work."""

    # Set by the grant, once they have proved who they are.
    client: Caller
    user: User

    def __init__(
        self, ground: Ground, origin: Origin, form: dict[str, str], credentials: Credentials | None
    ) -> None:
        """`credentials` are the client's id and secret, where the request has any."""
        super().__init__("POST", _URI)
        self.ground = ground
        self.origin = origin
        self.credentials = credentials
        self.fields = form
        self.payload = BasicOAuth2Payload(form)

    @property
    def form(self) -> dict[str, str]:
        """Where Authlib looks for the fields."""
        return self.fields


class _Grant(TokenEndpointMixin):
    """What our grants share. Stands before Authlib's class among the bases, so that it wins."""

    request: TokenRequest
    TOKEN_RESPONSE_HEADER: Iterable[tuple[str, str]]

    def authenticate_token_endpoint_client(self) -> Caller:
        """The client if the request names one: the vendor's sample programs do not all have one."""
        request = self.request
        if request.credentials is None:
            return Caller(None)
        return Caller(logins.log_in_client(request.ground, *request.credentials, request.origin))

    def issue(self, holder: Holder) -> Answer:
        """New tokens for what the request's scope says. Raises InvalidScopeError, CommunityRefused."""
        scope = read_scope(self.request.fields.get("scope"))
        issued = access.issue(
            self.request.ground,
            holder,
            community=scope.community,
            properties=scope.properties,
            now=self.request.origin.at,
        )
        return self.tell(issued)

    def tell(self, issued: Issued) -> Answer:
        """The answer of RFC 6749, section 5.1."""
        token: dict[str, object] = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
        }
        if issued.refresh_token is not None:
            token["refresh_token"] = issued.refresh_token
        token["scope"] = write_scope(issued.service.name if issued.service else None, issued.properties)
        return 200, token, self.TOKEN_RESPONSE_HEADER


class PasswordGrant(_Grant, grants.ResourceOwnerPasswordCredentialsGrant):
    """A user's name and password, by way of a client or of none."""

    def authenticate_user(self, username: str, password: str) -> User:
        return logins.log_in_user(self.request.ground, username, password, self.request.origin)

    def create_token_response(self) -> Answer:
        return self.issue(Holder(user=self.request.user, client=self.request.client.client))


class ClientCredentialsGrant(_Grant, grants.ClientCredentialsGrant):
    """A client for itself."""

    def authenticate_token_endpoint_client(self) -> Caller:
        caller = super().authenticate_token_endpoint_client()
        if caller.client is None:
            raise ClientRefused("Expected the client's id and secret, as form fields or by HTTP Basic.")
        return caller

    def create_token_response(self) -> Answer:
        return self.issue(Holder(client=self.request.client.client))


class RefreshGrant(_Grant, grants.RefreshTokenGrant):
    """A refresh token, from the client that it was given to. Spending it and giving the next is one step."""

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()
        if not self.request.fields.get("refresh_token"):
            raise InvalidRequestError("Missing 'refresh_token' in request.")

    def create_token_response(self) -> Answer:
        issued = access.refresh(
            self.request.ground,
            self.request.fields["refresh_token"],
            self.request.client.client,
            community=read_scope(self.request.fields.get("scope")).community,
            now=self.request.origin.at,
        )
        return self.tell(issued)


class TokenServer(AuthorizationServer):
    """Authlib's server with our three grants and our answers."""

    def __init__(self) -> None:
        super().__init__()
        for grant in (PasswordGrant, ClientCredentialsGrant, RefreshGrant):
            self.register_grant(grant)

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def handle_response(
        self, status: int, body: Mapping[str, Any], headers: Iterable[tuple[str, str]]
    ) -> Response:
        return errors.answer(status, body, headers)

    def handle_error_response(self, request: TokenRequest, error: OAuth2Error) -> Response:
        return errors.answer_oauth(error)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


def client_credentials(form: Mapping[str, str], header: str | None) -> Credentials | None:
    """The client's id and secret from an Authorization header or the form; None where neither has any.

    Raises InvalidRequestError where both have, ClientRefused where the header is not HTTP Basic's.
    """
    posted = form.get("client_id", ""), form.get("client_secret", "")
    if header is None or header.partition(" ")[0].lower() != "basic":
        return posted if any(posted) else None
    if posted[1]:
        raise InvalidRequestError("Two kinds of client credentials: expected form fields or HTTP Basic.")
    basic = Authorization.from_header(header)
    if basic is None or basic.username is None or basic.password is None:
        raise ClientRefused("The Authorization header is not that of HTTP Basic.")
    # Section 2.3.1 has them encoded as in a form; who does not, rarely has a percent sign.
    return unquote(basic.username), unquote(basic.password)
