"""`longshore import` is one trace of the service, from its first request to the last COMMIT."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.usecases import tokens
from api.usecases.services import Service
from shared.ground import Ground
from tests.acceptance.waiting import wait_for
from tests.collector import Collector, Span, a_collector
from tests.integration.builders import numbered
from tests.integration.programs import program
from tests.serving import Served, gunicorn

LONGSHORE = str(Path(sys.executable).with_name("longshore"))
IMPORTS = "/__resources/imports"
CREATE, UPLOAD = f"POST {IMPORTS}", f"POST {IMPORTS}/<importid>/blocks"
PATCH = f"PATCH {IMPORTS}/<importid>"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with a_collector() as running:
        yield running


@pytest.fixture
def served(
    environment: Mapping[str, str], ground: Ground, service: Service, collector: Collector
) -> Iterator[Served]:
    """An API whose only data service this is for whoever names none, and a worker; both are traced."""
    own = {"LONGSHORE_DEFAULT_SERVICE": service.name, "LONGSHORE_BATCH_LINES": "4"}
    own = {**environment, **collector.environment, **own}
    with ExitStack() as opened:
        opened.enter_context(program("worker", own | {"LONGSHORE_WORKER_PROCESSES": "1"}))
        yield opened.enter_context(gunicorn(own))


def test_an_import_by_the_command_line_is_one_trace(
    served: Served, collector: Collector, secret: str, tmp_path: Path
):
    files = [tmp_path / name for name in ("one.ndjson", "another.ndjson")]
    for file in files:
        file.write_bytes(numbered(6))
    reached = ("--url", served.url, "--token", tokens.mint(secret, None))

    done = subprocess.run(
        [LONGSHORE, "import", *map(str, files), "--collection", "/contacts", "--json", *reached],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OTEL_SDK_DISABLED": "true"},
    )

    trace_id = json.loads(done.stdout)["traceid"]

    def told(name: str) -> list[Span]:
        """In this trace: the worker may have jobs of other tests, too."""
        return [span for span in collector.named(name) if span.trace_id == trace_id]

    expected = {CREATE: 1, UPLOAD: 2, PATCH: 1, "apply_block": 2, "apply_batch": 4}
    wait_for(lambda: {name: len(told(name)) for name in expected} == expected)
    batches = {span.span_id for span in told("apply_batch")}
    assert len([commit for commit in told("COMMIT") if commit.parent_id in batches]) == 4
    of_api = [span for span in collector.spans if span.process == "longshore-api"]
    assert {span.trace_id for span in of_api} == {trace_id}
    requests = [span for span in of_api if span.name != "COMMIT"]
    assert len({span.parent_id for span in requests} - {""}) == len(requests)
