"""Which services the tests stand on, as the environment says."""

import pytest

from tests.services import choose_services, redis_url_of
from tests.storages import choose_storage

URLS = {"DATABASE_URL": "postgresql://owner:secret@db/shore", "REDIS_URL": "redis://queue"}


@pytest.mark.parametrize("given", [{}, {"SERVICES": ""}, {"SERVICES": "embedded"}, URLS])
def test_embedded_services_are_the_default(given: dict[str, str]):
    assert choose_services(dict(given)).kind == "embedded"


def test_external_services_are_told_without_their_password():
    chosen = choose_services({"SERVICES": "external", **URLS})

    assert chosen.kind == "external"
    assert "@db/shore" in chosen.description
    assert "secret" not in chosen.description


def test_what_a_test_starts_does_not_find_the_urls():
    environment = {**URLS, "HOME": "/"}

    choose_services(environment)

    assert environment == {"HOME": "/"}


REFUSED = {
    "an unknown kind": ({"SERVICES": "cloudy"}, "'cloudy'; expected is one of: embedded, external"),
    "no URLs": ({"SERVICES": "external"}, "needs DATABASE_URL and REDIS_URL"),
    "one URL": ({"SERVICES": "external", "DATABASE_URL": "postgresql://db"}, "needs REDIS_URL in"),
}


@pytest.mark.parametrize(("given", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_used_is_refused(given: dict[str, str], reason: str):
    with pytest.raises(pytest.UsageError, match=reason):
        choose_services(dict(given))


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
