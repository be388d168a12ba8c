"""How many requests a data service may send within a minute, and an address those that nobody vouches for.

All APIs count together, in Redis. Whose a request is, its verified token tells, never what else it says of
itself. Without Redis each process counts for itself and looks for it again after a second, then after two, up
to half a minute: no request fails for it, and none but that look waits.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask_limiter import Limiter, RateLimitExceeded
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api.usecases.slowing import site_of
from shared.errors import TryLater
from shared.settings import Settings

_KEY = "longshore-rates"

# A Redis that hangs costs the requests of one moment so long, and then one of them at each look.
_REDIS_SECONDS = 0.25
_MINUTE = 60
_REDIS_OPTIONS: dict[str, Any] = {
    "key_prefix": "longshore:rates",
    "socket_timeout": _REDIS_SECONDS,
    "socket_connect_timeout": _REDIS_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}

# Neither the doors' views, which are counted once their tokens are verified, nor probes and logins, which are
# not counted here at all.
_OPEN_BLUEPRINTS = frozenset({"documentation", "downloads", "api-docs"})


class TooManyRequests(TryLater):
    """The data service, or the address, has sent as many requests within a minute as it may."""

    code = "too_many_requests"

    def __init__(self, who: str, limit: int, retry_seconds: int) -> None:
        super().__init__(
            f"{who} may send {limit} requests a minute, and has: try again in {retry_seconds} s.",
            retry_seconds,
        )


class Rates:
    """Counts the requests of one application."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._limiter = Limiter(
            _address,
            app=app,
            strategy="sliding-window-counter",
            storage_uri=_storage_uri(settings.redis_url),
            storage_options=_REDIS_OPTIONS,
            in_memory_fallback_enabled=True,
            swallow_errors=True,  # of requests that were on their way to Redis when it went away
            request_identifier=lambda: "request",  # also where no view is found
            enabled=bool(settings.requests_a_minute or settings.address_requests_a_minute),
        )

        def of_service() -> None: ...
        def of_address() -> None: ...

        self.of_service = self._counting(of_service, settings.requests_a_minute, _service)
        self.of_address = self._counting(of_address, settings.address_requests_a_minute, _address)

    def _counting(
        self, counted: Callable[[], None], limit: int, key: Callable[[], str]
    ) -> Callable[[], None]:
        """The function, refusing with RateLimitExceeded to be called more often; as it is without a limit."""
        if not limit:
            return counted
        rate, scope = f"{limit} per minute", counted.__name__
        return self._limiter.shared_limit(rate, scope, key_func=key)(counted)

    def retry_seconds(self) -> int:
        """When the request that was just refused may be sent again."""
        refused = self._limiter.current_limit
        try:
            seconds = refused.reset_at - int(time.time()) if refused else 1
        except RedisError:
            seconds = 1
        return min(max(1, seconds), _MINUTE)


def install(app: Flask, settings: Settings) -> None:
    """Count the requests of the application, those that reach no view of the doors at once."""
    app.extensions[_KEY] = Rates(app, settings)
    app.before_request(_count_open)


def count_service() -> None:
    """Count a request of the data service that this one was admitted to. Raises TooManyRequests."""
    rates = _current()
    with _refusing("The data service", rates):
        rates.of_service()


def count_address() -> None:
    """Count a request that nobody vouches for. Raises TooManyRequests."""
    rates = _current()
    with _refusing("An address without a good token", rates):
        rates.of_address()


@contextmanager
def refused_by_address(*refusals: type[Exception]) -> Iterator[None]:
    """Counts who is refused in the body, by these errors. Raises TooManyRequests in their place.

    Who shows a good token is let in all the same: behind one address there may be many.
    """
    try:
        yield
    except refusals:
        count_address()
        raise


@contextmanager
def _refusing(who: str, rates: Rates) -> Iterator[None]:
    try:
        yield
    except RateLimitExceeded as exceeded:
        limit = exceeded.limit.limit.amount if exceeded.limit else 0
        raise TooManyRequests(who, limit, rates.retry_seconds()) from exceeded


def _count_open() -> None:
    if request.routing_exception is not None or request.blueprint in _OPEN_BLUEPRINTS:
        count_address()


def _current() -> Rates:
    return cast(Rates, current_app.extensions[_KEY])


def _service() -> str:
    return str(g.service.id)


def _address() -> str:
    return site_of(request.remote_addr) or "unknown"


def _storage_uri(redis_url: str) -> str:
    """The same Redis in the library's spelling, which has a scheme of its own for Unix sockets."""
    return redis_url.replace("unix:", "redis+unix:", 1) if urlsplit(redis_url).scheme == "unix" else redis_url
