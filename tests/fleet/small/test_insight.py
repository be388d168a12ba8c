"""What a fleet tells of itself: metrics of each process, one trace through all of them, and the doctor."""

import pytest

from tests.acceptance.waiting import wait_for
from tests.collector import Collector, Span
from tests.fleet.clients import IMPORTS, start_import
from tests.fleet.containers import Fleet, asked, docker, events
from tests.fleet.small.conftest import METRICS_PORT

LINES = b'{"documentid":"1"}\n{"documentid":"2"}\noops\n'
UPLOAD, PATCH = f"POST {IMPORTS}/<importid>/blocks", f"PATCH {IMPORTS}/<importid>"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("service", "port"), [("api", "8000"), ("worker", METRICS_PORT), ("beat", METRICS_PORT)]
)
def test_metrics_are_told_inside_to_who_has_the_token(
    fleet: Fleet, settings: dict[str, str], service: str, port: str
):
    [container] = fleet.containers(service)

    told = asked(container, f"http://127.0.0.1:{port}/metrics", settings["LONGSHORE_METRICS_TOKEN"])

    assert "longshore_" in told


def the(collector: Collector, name: str, **attributes: object) -> Span:
    """The one span of this name, when it is there."""
    [span] = wait_for(lambda: collector.named(name, **attributes))
    return span


def test_one_trace_leads_from_the_balancer_to_the_commit_in_another_container(
    fleet: Fleet, collection: str, collector: Collector
):
    made = start_import(fleet, collection, LINES, traceparent=f"00-{TRACE}-{PARENT}-01")

    block = the(collector, "apply_block", request_id=made.start_id)

    upload = the(collector, UPLOAD, request_id=made.upload_id)
    start = the(collector, PATCH, request_id=made.start_id)
    [batch] = [span for span in collector.named("apply_batch") if span.parent_id == block.span_id]
    [commit] = [span for span in collector.named("COMMIT") if span.parent_id == batch.span_id]
    assert {span.trace_id for span in (upload, start, block, batch, commit)} == {TRACE}
    assert (upload.process, start.process, block.process) == (
        "longshore-api",
        "longshore-api",
        "longshore-worker",
    )
    assert (upload.parent_id, start.parent_id, block.parent_id) == (PARENT, PARENT, start.span_id)
    assert block.links == [(TRACE, upload.span_id)]
    assert (batch.attributes["longshore.created"], batch.attributes["longshore.rejected"]) == (2, 1)


def test_all_logs_call_a_request_what_the_balancer_called_it(fleet: Fleet, collection: str):
    start_id = start_import(fleet, collection, LINES).start_id
    [balancer], [api], [worker] = (fleet.containers(name) for name in ("balancer", "api", "worker"))

    def named(container: str, event: str) -> bool:
        return start_id in [told.get("request_id") for told in events(container, event)]

    assert wait_for(lambda: named(worker, "batch_applied"))
    assert wait_for(lambda: named(api, "request_answered"))
    assert wait_for(lambda: f"{{{start_id}}}" in docker("logs", balancer))


def test_the_command_line_has_the_temporary_folder_of_workers(fleet: Fleet):
    """What the doctor tells of it is about theirs."""
    [worker] = fleet.containers("worker")
    docker("exec", worker, "touch", "/tmp/of-a-worker")

    seen = fleet.run("compose", "run", "--rm", "--no-deps", "-T", "cli", "ls", "/tmp").split()

    docker("exec", worker, "rm", "/tmp/of-a-worker")
    assert "of-a-worker" in seen


def told_after_a_sweep(fleet: Fleet) -> str | None:
    """What the doctor tells; the first sweep comes a moment after the fleet is up."""
    told = fleet.run("longshore", "doctor")
    return told if "ok    sweep: " in told else None


def test_the_doctor_finds_all_that_belongs_to_a_fleet(fleet: Fleet):
    told = wait_for(lambda: told_after_a_sweep(fleet), seconds=120)

    in_database, beside = ("database", "schema", "reader"), ("storage", "mails", "proxies", "traces")
    for subject in (*in_database, "redis", "workers", "sweep", *beside):
        assert f"ok    {subject}: " in told
