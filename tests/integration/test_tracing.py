"""One trace from a request to the COMMITs of workers, as a collector sees it; without one, nothing."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.usecases import tokens
from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.errors import SettingsInvalid
from shared.ground import Ground
from shared.lifecycle import Status
from shared.settings import Settings
from tests.acceptance.waiting import wait_for
from tests.collector import Collector, Span, a_collector
from tests.integration.builders import numbered
from tests.integration.programs import program
from tests.serving import Served, gunicorn

IMPORTS = "/__resources/imports"
PATCH, UPLOAD = f"PATCH {IMPORTS}/<importid>", f"POST {IMPORTS}/<importid>/blocks"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@dataclass(frozen=True)
class Client:
    """Asks an API of its own on behalf of a data service."""

    served: Served
    service: Service
    token: str

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] = {}, **body: Any
    ) -> httpx.Response:
        own = {"Host": f"{self.service.name}.localhost", "Authorization": f"Bearer {self.token}"}
        return httpx.request(
            method, self.served.url + path, headers=own | headers, timeout=30, trust_env=False, **body
        )

    def run_import(
        self, *blocks: bytes, upload: Mapping[str, str] = {}, start: Mapping[str, str] = {}
    ) -> int:
        """The id of an import that was started."""
        configuration = {"strategy": ["create"], "collection": "/contacts"}
        import_id = self("POST", IMPORTS, json=configuration).json()["importid"]
        for block in blocks:
            named = upload | {"Content-Type": "application/x-ndjson"}
            assert self("POST", f"{IMPORTS}/{import_id}/blocks", named, content=block).status_code == 200
        answer = self("PATCH", f"{IMPORTS}/{import_id}", start, json={"status": "started"})
        assert answer.status_code == 200
        return int(import_id)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with a_collector() as running:
        yield running


@pytest.fixture(scope="module")
def fleet(environment: Mapping[str, str], ground: Ground, collector: Collector) -> Iterator[Served]:
    """An API and a worker that send their spans to the collector."""
    own = environment | collector.environment | {"LONGSHORE_BATCH_LINES": "4"}
    with ExitStack() as opened:
        opened.enter_context(program("worker", own | {"LONGSHORE_WORKER_PROCESSES": "2"}))
        yield opened.enter_context(gunicorn(own))


@pytest.fixture
def client(fleet: Served, service: Service, secret: str) -> Client:
    return Client(fleet, service, tokens.mint(secret, None))


@pytest.fixture
def applied(collector: Collector) -> Callable[[int, int], list[Span]]:
    """Waits until the spans of that many blocks of an import are there."""

    def blocks(import_id: int, count: int) -> list[Span]:
        return wait_for(
            lambda: (
                found if len(found := collector.named("apply_block", import_id=import_id)) == count else None
            )
        )

    return blocks


def arrived(collector: Collector, name: str, request_id: str, *, count: int) -> list[Span]:
    """Spans of requests: the API sends them when it likes."""
    wait_for(lambda: len(collector.named(name, request_id=request_id)) == count)
    return collector.named(name, request_id=request_id)


def below(collector: Collector, parent: Span, name: str) -> list[Span]:
    return [span for span in collector.named(name) if span.parent_id == parent.span_id]


def test_one_trace_leads_from_a_request_to_the_commits_of_its_batches(
    client: Client, collector: Collector, applied: Callable[[int, int], list[Span]]
):
    import_id = client.run_import(numbered(10) + b"oops\n", start={"X-Request-Id": "one-trace"})

    [block] = applied(import_id, 1)

    [request] = arrived(collector, PATCH, "one-trace", count=1)
    batches = below(collector, block, "apply_batch")
    commits = [commit for batch in batches for commit in below(collector, batch, "COMMIT")]
    assert (request.process, block.process) == ("longshore-api", "longshore-worker")
    assert block.parent_id == request.span_id
    assert len(batches) == len(commits) == 3
    assert {span.trace_id for span in [block, *batches, *commits]} == {request.trace_id}
    assert sum(batch.attributes["longshore.created"] for batch in batches) == 10
    assert sum(batch.attributes["longshore.rejected"] for batch in batches) == 1
    assert max(batch.attributes["longshore.line"] for batch in batches) == 11
    assert block.attributes["longshore.request_id"] == "one-trace"
    assert not any(span.has_failed for span in [request, block, *batches, *commits])


def test_each_block_leads_to_its_upload(
    client: Client, collector: Collector, applied: Callable[[int, int], list[Span]]
):
    import_id = client.run_import(numbered(3), numbered(5), upload={"X-Request-Id": "the-upload"})

    blocks = applied(import_id, 2)

    found = arrived(collector, UPLOAD, "the-upload", count=2)
    uploads = [(span.trace_id, span.span_id) for span in found]
    assert sorted(link for block in blocks for link in block.links) == sorted(uploads)
    assert len({block.trace_id for block in blocks}) == 1


def test_all_is_in_the_trace_of_a_client_that_has_one(
    client: Client, collector: Collector, applied: Callable[[int, int], list[Span]]
):
    own = {"traceparent": TRACEPARENT, "X-Request-Id": "has-a-trace"}
    import_id = client.run_import(numbered(3), upload=own, start=own)

    [block] = applied(import_id, 1)

    requests = [span for name in (UPLOAD, PATCH) for span in arrived(collector, name, "has-a-trace", count=1)]
    assert [(span.trace_id, span.parent_id) for span in requests] == [(TRACE, PARENT)] * 2
    assert block.trace_id == TRACE
    assert {span.trace_id for span in below(collector, block, "apply_batch")} == {TRACE}


def test_a_client_that_does_not_want_to_be_traced_is_not(
    client: Client, collector: Collector, ground: Ground
):
    untraced = {"traceparent": TRACEPARENT[:-1] + "0", "X-Request-Id": "untraced"}
    import_id = client.run_import(numbered(3), upload=untraced, start=untraced)
    wait_for(lambda: get_import(ground, client.service, import_id).status == Status.COMPLETE)
    client.run_import(numbered(3), start={"X-Request-Id": "the-next"})
    wait_for(lambda: collector.named(PATCH, request_id="the-next"))

    assert collector.named(PATCH, request_id="untraced") == []
    assert collector.named("apply_block", import_id=import_id) == []


@pytest.mark.parametrize(
    "given", ["", "x", TRACEPARENT + "-", f"00-{'0' * 32}-{PARENT}-01", "é" * 9, "00-" * 900]
)
def test_what_is_no_trace_begins_a_new_one(client: Client, collector: Collector, given: str):
    name = f"no-trace-{abs(hash(given))}"

    answer = client("GET", IMPORTS, {"traceparent": given.encode(), "X-Request-Id": name})

    [span] = wait_for(lambda: collector.named(f"GET {IMPORTS}", request_id=name))
    assert answer.status_code == 200
    assert span.parent_id == ""


def test_spans_tell_no_contents_paths_or_tokens(client: Client, collector: Collector):
    client("GET", "/contacts/secret-document?secret-query", {"X-Request-Id": "a-secret"})
    client("GET", "/ls/api/batch/download/secret-token/secret-name", {"X-Request-Id": "b-secret"})
    client("SECRET", "/no/such/thing-secret/", {"X-Request-Id": "c-secret"})
    wait_for(lambda: collector.named("no such route", request_id="c-secret"))

    told = [span for span in collector.spans if "-secret" in span.attributes.get("longshore.request_id", "")]
    assert len(told) == 3
    for span in told:
        values = {name: value for name, value in span.attributes.items() if name != "longshore.request_id"}
        assert "secret" not in f"{span.name} {values}".lower()
        assert client.token not in str(values)


def test_probes_are_not_traced(client: Client, collector: Collector):
    client("GET", "/health/ready", {"X-Request-Id": "a-probe"})
    client("GET", IMPORTS, {"X-Request-Id": "behind-the-probe"})
    wait_for(lambda: collector.named(f"GET {IMPORTS}", request_id="behind-the-probe"))

    assert not [s for s in collector.spans if s.attributes.get("longshore.request_id") == "a-probe"]


def test_a_sampler_that_is_off_sends_nothing(environment: Mapping[str, str], service: Service, secret: str):
    with a_collector() as collector:
        own = environment | collector.environment | {"OTEL_TRACES_SAMPLER": "always_off"}
        with gunicorn(own) as served:
            answer = Client(served, service, tokens.mint(secret, None))("GET", IMPORTS)

    assert (answer.status_code, collector.requests) == (200, 0)


def test_the_last_spans_of_a_process_that_stops_arrive(
    environment: Mapping[str, str], service: Service, secret: str
):
    with a_collector() as collector:
        own = environment | collector.environment | {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
        with gunicorn(own) as served:
            Client(served, service, tokens.mint(secret, None))("GET", IMPORTS)

        assert len(collector.named(f"GET {IMPORTS}")) == 1


@pytest.fixture(params=["away", "hangs", "refuses"])
def broken_collector(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of a process whose spans nobody takes."""
    with ExitStack() as opened:
        if request.param == "refuses":
            collector = opened.enter_context(a_collector())
            collector.status = 503
            yield collector.environment
            return
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        if request.param == "away":
            listener.close()
        port = 1 if request.param == "away" else listener.getsockname()[1]
        yield Collector(port).environment


def test_a_collector_that_takes_nothing_disturbs_nobody(
    broken_collector: dict[str, str],
    environment: Mapping[str, str],
    ground: Ground,
    service: Service,
    secret: str,
    tmp_path: Path,
):
    own = environment | broken_collector | {"LONGSHORE_WORKER_PROCESSES": "1"}
    with ExitStack() as opened:
        log = opened.enter_context((tmp_path / "worker").open("wb"))
        worker = opened.enter_context(program("worker", own, log=log))
        client = Client(opened.enter_context(gunicorn(own)), service, tokens.mint(secret, None))

        import_id = client.run_import(numbered(5))
        wait_for(lambda: get_import(ground, service, import_id).status == Status.COMPLETE)
        worker.terminate()

        # The library alone would wait for half a minute.
        worker.wait(10)


def test_a_variable_that_cannot_be_used_costs_the_traces_and_is_told_once(
    environment: Mapping[str, str], service: Service, secret: str, tmp_path: Path
):
    own = environment | Collector(1).environment | {"OTEL_BSP_SCHEDULE_DELAY": "-1"}
    with (tmp_path / "log").open("wb") as log, gunicorn(own, log=log) as served:
        client = Client(served, service, tokens.mint(secret, None))
        answers = {client("GET", IMPORTS).status_code for _ in range(5)}

    assert answers == {200}
    assert (tmp_path / "log").read_text().count("traces_not_sent") == 1


UNLOADED = """
import os, sys
from api.app import create_app
from shared.settings import Settings
from workers.app import create_celery

create_app(), create_celery(Settings.read(os.environ))
makers = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf")
print([name for name in sys.modules if name.startswith(makers)])
"""


def test_without_a_collector_nothing_that_makes_spans_is_loaded(environment: Mapping[str, str]):
    command = [sys.executable, "-c", UNLOADED]

    done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(environment))

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("variables", "is_traced"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_the_usual_variables_say_whether_there_are_traces(
    environment: Mapping[str, str], variables: dict[str, str], is_traced: bool
):
    assert Settings.read(environment | variables).is_traced is is_traced


def test_a_collector_that_speaks_another_protocol_is_refused(environment: Mapping[str, str]):
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    with pytest.raises(SettingsInvalid, match="OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf"):
        Settings.read(environment | variables)
