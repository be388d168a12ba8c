"""Which services the tests stand on, as the environment says."""

from pathlib import Path

import pytest

from tests.services import choose_services
from tests.storages import choose_storage
from tests.supplies.external import redis_url_of
from tests.supplies.images import (
    OFFLINE,
    FleetImages,
    Images,
    read_fleet_images,
    read_images,
    why_not,
)

URLS = {"DATABASE_URL": "postgresql://owner:secret@db/shore", "REDIS_URL": "redis://queue"}

BUCKET = {
    "BUCKET_URL": "s3://a-bucket/tests",
    "AWS_ENDPOINT_URL": "https://store",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
MAILS = {"SMTP_URL": "smtp://mail:1025", "MAIL_PAGE_URL": "http://mail:8025"}


def nothing(_: Images) -> None:
    """Keeps containers from being used."""


def no_engine(_: Images) -> str:
    return "no Docker engine answers"


def test_containers_are_the_default_where_they_can_be_had():
    environment = {"POSTGRES_IMAGE": "a-mirror/postgres:18"} | URLS

    chosen = choose_services(environment, nothing)

    assert chosen.kind == "containers"
    assert chosen.description.startswith("containers (")


@pytest.mark.parametrize("given", [{}, {"SERVICES": ""}, URLS])
def test_embedded_services_are_the_default_elsewhere_and_why_is_told(given: dict[str, str]):
    chosen = choose_services(dict(given), no_engine)

    assert chosen.kind == "embedded"
    assert chosen.description == "embedded (wheels), because no Docker engine answers"


def test_embedded_services_that_are_asked_for_need_no_look_at_docker():
    chosen = choose_services({"SERVICES": "embedded"}, pytest.fail)

    assert (chosen.kind, chosen.description) == ("embedded", "embedded (wheels)")


def test_an_engine_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")

    assert why_not(Images()) == "no Docker engine answers"


def test_images_have_the_names_that_the_offline_ones_were_given(tmp_path: Path):
    offline = tmp_path / "offline.env"
    offline.write_text("POSTGRES_IMAGE=ours/postgres:one\nHAPROXY_IMAGE=ours/haproxy:one\n")
    environment = {"POSTGRES_IMAGE": "a-mirror/postgres:18", "REDIS_IMAGE": "a-mirror/redis:8"}

    images = read_images(environment, offline)

    assert images == Images(postgres="ours/postgres:one", redis="a-mirror/redis:8")


def test_a_fleet_has_the_offline_images_unless_the_environment_says_otherwise(tmp_path: Path):
    offline = tmp_path / "offline.env"
    offline.write_text("POSTGRES_IMAGE=ours/postgres:one\nHAPROXY_IMAGE=ours/haproxy:one\n")

    images = read_fleet_images({"POSTGRES_IMAGE": "a-mirror/postgres:18"}, offline)

    assert images == FleetImages(postgres="a-mirror/postgres:18", haproxy="ours/haproxy:one")


def test_without_a_word_images_of_fleets_are_those_that_it_asks_for():
    told = "".join((OFFLINE.parent / name).read_text() for name in ("compose.yaml", "fleet.sh"))

    for name, image in FleetImages()._asdict().items():
        assert f"{{{name.upper()}_IMAGE:-{image}}}" in told


def test_without_a_word_images_are_those_of_the_fleet():
    compose = (OFFLINE.parent / "compose.yaml").read_text()

    found = {
        name: f"{{{name.upper()}_IMAGE:-{image}}}" in compose for name, image in Images()._asdict().items()
    }

    assert found == {"postgres": True, "redis": True, "moto": False, "mail": True}


def test_external_services_are_told_without_their_password():
    chosen = choose_services({"SERVICES": "external", **URLS})

    assert chosen.kind == "external"
    assert "@db/shore" in chosen.description
    assert "secret" not in chosen.description


def test_an_external_bucket_and_mail_catcher_are_taken_where_they_are_named():
    chosen = choose_services({"SERVICES": "external", **URLS, **BUCKET, **MAILS})
    without = choose_services({"SERVICES": "external", **URLS})

    assert "s3://a-bucket/tests, http://mail:8025)" in chosen.description
    assert chosen.supply_s3 is not without.supply_s3
    assert chosen.supply_mails is not without.supply_mails
    assert "secret" not in chosen.description


def test_what_a_test_starts_does_not_find_the_urls():
    environment = {**URLS, **BUCKET, **MAILS, "HOME": "/"}

    choose_services(environment, no_engine)

    assert environment == {"HOME": "/"}


REFUSED = {
    "an unknown kind": (
        {"SERVICES": "cloudy"},
        "'cloudy'; expected is one of: embedded, containers, external",
    ),
    "containers without Docker": (
        {"SERVICES": "containers"},
        "SERVICES=containers: no Docker engine answers",
    ),
    "no URLs": ({"SERVICES": "external"}, "needs DATABASE_URL and REDIS_URL"),
    "one URL": ({"SERVICES": "external", "DATABASE_URL": "postgresql://db"}, "needs REDIS_URL in"),
    "a bucket without a key": (
        {"SERVICES": "external", **URLS, **BUCKET, "AWS_SECRET_ACCESS_KEY": ""},
        "needs AWS_SECRET_ACCESS_KEY in",
    ),
    "mails that nobody can read": (
        {"SERVICES": "external", **URLS, "MAIL_PAGE_URL": "http://mail"},
        "needs SMTP_URL in",
    ),
}


@pytest.mark.parametrize(("given", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_refused(given: dict[str, str], reason: str):
    with pytest.raises(pytest.UsageError, match=reason):
        choose_services(dict(given), no_engine)


def test_blocks_are_in_a_folder_unless_the_environment_says_otherwise():
    assert [choose_storage(given) for given in ({}, {"STORAGE": ""}, {"STORAGE": "s3"})] == [
        "folder",
        "folder",
        "s3",
    ]
    with pytest.raises(pytest.UsageError, match="'tape'; expected is one of: folder, s3"):
        choose_storage({"STORAGE": "tape"})


@pytest.mark.parametrize(
    ("server", "one"),
    [
        ("redis://queue:6379/0", "redis://queue:6379/3"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=3"),
    ],
)
def test_a_database_of_redis_is_named_by_its_number(server: str, one: str):
    assert redis_url_of(server, 3) == one
