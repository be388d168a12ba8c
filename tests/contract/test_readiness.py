"""What probes are told while a bucket is away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from socket import create_server

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text

from api.http import looking
from api.usecases import tokens
from api.usecases.services import Service
from shared.ground import Ground
from shared.settings import Settings
from shared.storage.access import BucketAccess
from tests.acceptance.waiting import wait_for
from tests.contract.conftest import IMPORTS, Caller, application
from tests.s3_server import S3Server, s3_server
from tests.scraping import TOKEN, Scraped

LINE = b'{"documentid":"1"}\n'
READY = {"status": "ready"}
DEGRADED = {"status": "degraded", "missing": ["storage"]}
# Of load balancers: what takes longer is no answer.
PROBE_SECONDS = 5.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path) as running:
        yield running


@pytest.fixture
def on_bucket(server: S3Server, settings: Settings) -> Settings:
    """Blocks are in a bucket that is marked."""
    access = BucketAccess.read(server.environment)
    made = replace(settings, storage_url=server.new_url(), bucket_access=access, metrics_token=TOKEN)
    mark(made)
    return made


def mark(settings: Settings) -> None:
    opened = Ground.open(settings)
    opened.storage.mark()
    opened.close()


@pytest.fixture
def app(on_bucket: Settings) -> Iterator[Flask]:
    with application(on_bucket) as made:
        yield made


@pytest.fixture
def started(app: Flask, service: Service, secret: str) -> tuple[Caller, str]:
    """A client, and the path of an import that was started."""
    call = Caller(app.test_client(), service, tokens.mint(secret, None))
    import_id = call.new_import()
    assert call.add_block(import_id, LINE).status_code == 200
    path = f"{IMPORTS}/{import_id}"
    assert call("PATCH", path, json={"status": "started"}).status_code == 200
    return call, path


def test_while_the_bucket_does_not_answer_imports_are_seen_and_paused_and_canceled(
    server: S3Server, started: tuple[Caller, str]
):
    """All APIs were unready at once, and a load balancer had nobody who could have done it."""
    call, path = started
    assert probe(call.client) == (200, READY)
    server.kill()

    wait_for(lambda: probe(call.client) == (200, DEGRADED))

    assert call("PATCH", path, json={"status": "paused"}).get_json()["status"] == "paused"
    assert call("PATCH", path, json={"status": "canceled"}).status_code == 200
    assert call("GET", path).get_json()["status"] == "canceled"
    server.start()


def test_an_api_that_never_had_its_bucket_is_not_ready(server: S3Server, app: Flask):
    """A rollout with a wrong bucket, or wrong keys, would have replaced every API that had the right one."""
    server.kill()

    assert probe(app.test_client()) == (503, ["storage"])
    server.start()


def test_a_bucket_without_our_mark_is_not_ready(server: S3Server, settings: Settings):
    access = BucketAccess.read(server.environment)
    with application(replace(settings, storage_url=server.new_url(), bucket_access=access)) as made:
        assert probe(made.test_client()) == (503, ["storage"])


def test_a_probe_is_answered_in_time_though_all_that_it_asks_is_late(ground: Ground, settings: Settings):
    """One after the other they took longer than a load balancer waits, which then had no API at all."""
    lock = text("LOCK TABLE maintenance IN ACCESS EXCLUSIVE MODE")
    with create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as threads:
        place = "{}:{}".format(*silent.getsockname())
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
        access = BucketAccess.read({"AWS_ENDPOINT_URL": f"http://{place}", "AWS_ALLOW_HTTP": "true", **keys})
        hanging = replace(
            settings, redis_url=f"redis://{place}/0", storage_url="s3://bucket/blocks", bucket_access=access
        )
        with application(hanging) as made:
            with ground.database.begin() as session:
                session.execute(lock)
                answer = threads.submit(probe, made.test_client())
                wait([answer], timeout=2.0)

            assert answer.result() == (503, ["redis", "storage"])


def probe(client: FlaskClient) -> tuple[int, object]:
    """As a load balancer does, which gives up after some seconds. Of a refusal: what is missing."""
    began = time.monotonic()
    answer = client.get("/health/ready")
    assert time.monotonic() - began < PROBE_SECONDS
    told = answer.get_json()
    missing = [each["name"] for each in told.get("invalid-params", ())]
    return answer.status_code, missing or told


def test_an_emptied_bucket_takes_no_uploads_and_metrics_and_readiness_say_so(
    server: S3Server, app: Flask, started: tuple[Caller, str], on_bucket: Settings
):
    call, _ = started
    import_id = call.new_import()
    assert storage_up(app) == 1
    server.kill()
    server.start()

    refused = call.add_block(import_id, LINE)

    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (503, True)
    wait_for(lambda: probe(call.client) == (200, DEGRADED))
    assert storage_up(app) == 0
    mark(on_bucket)
    assert call.add_block(import_id, LINE).status_code == 200
    wait_for(lambda: probe(call.client) == (200, READY))
    assert storage_up(app) == 1


def storage_up(app: Flask) -> float:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    return Scraped(answer.text).value("longshore_storage_up")


def test_however_many_probes_come_one_looks(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Each of them had transactions of its own, wrote to Redis and asked the bucket."""
    monkeypatch.setattr(looking, "KEPT_SECONDS", 3600.0)
    with application(settings) as made, Redis.from_url(settings.redis_url) as redis:
        wait_for(lambda: probe(made.test_client()) == (200, READY))
        before = writes(redis)
        with ThreadPoolExecutor(8) as threads:
            answers = [*threads.map(lambda _: probe(made.test_client()), range(40))]
        assert answers == [(200, READY)] * 40
        assert writes(redis) == before


def writes(redis: "Redis") -> int:
    """How often something was written, as each look does."""
    return int(redis.info("commandstats").get("cmdstat_set", {}).get("calls", 0))
