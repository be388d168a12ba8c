"""A collector of OpenTelemetry's spans: takes them over OTLP/HTTP as a real one does, and keeps them."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.threaded import in_thread


@dataclass(frozen=True)
class Span:
    """One span; ids as hexadecimal text."""

    name: str
    process: str  # the service's name
    trace_id: str
    span_id: str
    parent_id: str
    links: list[tuple[str, str]]  # trace and span
    attributes: dict[str, Any]
    has_failed: bool


@dataclass
class Collector:
    """What arrived so far."""

    port: int
    host: str = "127.0.0.1"
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    requests: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What sends a process's spans here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.host}:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def named(self, name: str, **attributes: object) -> list[Span]:
        """Spans of this name with these attributes of ours."""
        wanted = {f"longshore.{key}": value for key, value in attributes.items()}
        return [
            span for span in self.spans if span.name == name and wanted.items() <= span.attributes.items()
        ]

    def take(self, body: bytes) -> None:
        self.requests += 1
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = _attributes(resource.resource)["service.name"]
            self.spans += [_span(given, process) for scope in resource.scope_spans for given in scope.spans]


@contextmanager
def a_collector(host: str = "127.0.0.1") -> Iterator[Collector]:
    """Listens at this address of the machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            collector.take(body)
            self.send_response(collector.status)
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            pass

    with in_thread(ThreadingHTTPServer((host, 0), Handler)) as server:
        collector = Collector(server.server_port, host)
        yield collector


def _span(given: Any, process: str) -> Span:
    return Span(
        name=given.name,
        process=process,
        trace_id=given.trace_id.hex(),
        span_id=given.span_id.hex(),
        parent_id=given.parent_span_id.hex(),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in given.links],
        attributes=_attributes(given),
        has_failed=given.status.code == 2,
    )


def _attributes(given: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in given.attributes}
