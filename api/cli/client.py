"""A client of the published HTTP API, as far as the command line needs it.

It knows nothing of the stack behind it.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

from api.cli.traces import Trace
from shared.errors import LongshoreError

IMPORTS = "/__resources/imports"
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_RETRY_SECONDS = 60.0
_PASSING = frozenset({502, 503, 504})  # what a load balancer says, too, while an API is replaced
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

Json = dict[str, Any]


class ApiRefused(LongshoreError):
    """The API says no; the message is its own words."""

    code: ClassVar[str] = "api_refused"


class ApiUnreachable(LongshoreError):
    """The API does not answer, or not now; `retry_seconds` is how long it wants to be left alone."""

    code: ClassVar[str] = "api_unreachable"

    def __init__(self, message: str, retry_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class ApiClient:
    """Speaks to one data service, in one trace. Safe to use from several threads."""

    def __init__(self, url: str, token: str, *, wait: Callable[[float], None] = time.sleep) -> None:
        """`wait` lets so many seconds pass."""
        self.wait = wait
        self.trace = Trace()
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "longshore"},
            timeout=httpx.Timeout(60.0, connect=5.0),
            # A proxy from the environment is not meant for this machine itself.
            trust_env=urlsplit(self.url).hostname not in _LOCAL_HOSTS,
        )

    def close(self) -> None:
        self._http.close()

    def create_import(self, configuration: Json) -> Json:
        """A new import, configuring. Asks again where it is told when to.

        Where the answer of an API that was lost was on its way, there is one import more, without blocks.
        """
        for delay in RETRY_SECONDS:
            try:
                return self._json("POST", IMPORTS, json=configuration)
            except ApiUnreachable as error:
                if not error.retry_seconds:
                    raise
                self.wait(max(delay, error.retry_seconds))
        return self._json("POST", IMPORTS, json=configuration)

    def get_import(self, import_id: int) -> Json:
        """The import as it is now. Asks again for a while where the API does not answer."""
        return self._get(f"{IMPORTS}/{import_id}")

    def start_import(self, import_id: int) -> Json:
        """Start it. Safe to call again after an answer that was lost."""
        for delay in (*RETRY_SECONDS, None):
            try:
                return self._json("PATCH", f"{IMPORTS}/{import_id}", json={"status": "started"})
            except ApiUnreachable as error:
                if delay is None:
                    raise
                self.wait(max(delay, error.retry_seconds))
                found = self.get_import(import_id)
                if found["status"] != "configuring":
                    return found
        raise AssertionError("the last attempt returns or raises")

    def delete_import(self, import_id: int) -> None:
        self._json("DELETE", f"{IMPORTS}/{import_id}")

    def add_block(self, import_id: int, body: Iterator[bytes], headers: dict[str, str]) -> int:
        """Send one block, once, and return its number. Only the caller knows what makes it safe to repeat."""
        sent = {"Content-Type": "application/x-ndjson", **headers}
        answer = self._json("POST", f"{IMPORTS}/{import_id}/blocks", content=body, headers=sent)
        return int(answer["blockid"])

    def rejections(self, import_id: int) -> list[Json]:
        """The first page of rejected lines."""
        found: list[Json] = self._get(f"{IMPORTS}/{import_id}/rejections")["data"]
        return found

    def get(self, path: str) -> Json:
        """A collection or a document."""
        return self._get(path)

    def _get(self, path: str) -> Json:
        for delay in RETRY_SECONDS:
            try:
                return self._json("GET", path)
            except ApiUnreachable as error:
                self.wait(max(delay, error.retry_seconds))
        return self._json("GET", path)

    def _json(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        content: Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Json:
        sent = {"traceparent": self.trace.traceparent(), **(headers or {})}
        try:
            response = self._http.request(method, path, json=json, content=content, headers=sent)
        except httpx.TransportError as error:
            raise ApiUnreachable(f"{self.url} does not answer: {error or type(error).__name__}.") from error
        if response.status_code in _PASSING:
            reason = f"{self.url} cannot answer now: {_reason(response)}"
            raise ApiUnreachable(reason, _retry_seconds(response))
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ApiUnreachable(_reason(response), _retry_seconds(response))
        if response.is_error:
            raise ApiRefused(_reason(response))
        answer: Json = response.json() if response.content else {}
        return answer


def _retry_seconds(response: httpx.Response) -> float:
    given = response.headers.get("Retry-After", "")
    return min(float(given), LONGEST_RETRY_SECONDS) if given.isdecimal() else 0.0


def _reason(response: httpx.Response) -> str:
    try:
        problem = response.json()
        reasons = [f"{each['name']}: {each['reason']}" for each in problem.get("invalid-params", [])]
        return " ".join([f"{problem['title']} ({response.status_code})", *reasons])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"The answer was {response.status_code} {response.reason_phrase}."
