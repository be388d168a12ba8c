"""Data services, their secrets and their collections: names that may be, and names that may not."""

import pytest

from api.usecases.collections import add_collection, list_collections
from api.usecases.services import (
    Service,
    active_secrets,
    add_service,
    find_service,
    find_with_secrets,
    list_services,
    rotate_secret,
)
from shared.db import services
from shared.errors import NameRefused, NameTaken, ServiceNotFound
from shared.ground import Ground


def test_a_service_is_found_by_its_name(ground: Ground, service: Service):
    assert find_service(ground, service.name) == service
    assert service in list_services(ground)


def test_an_unknown_service_is_not_found(ground: Ground):
    for verb in (find_service, find_with_secrets, rotate_secret):
        with pytest.raises(ServiceNotFound, match="nobody"):
            verb(ground, "nobody")


def test_a_name_is_taken_once_and_the_first_keeps_its_secret(ground: Ground, service: Service, secret: str):
    with pytest.raises(NameTaken):
        add_service(ground, service.name)

    assert active_secrets(ground, service) == [secret]


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "a\n", "x" * 64])
def test_a_service_is_named_as_a_host_may_be(ground: Ground, name: str):
    with pytest.raises(NameRefused):
        add_service(ground, name)


def test_a_secret_that_is_too_short_makes_no_service(ground: Ground):
    with pytest.raises(NameRefused, match="at least 32 characters, and this has 5"):
        add_service(ground, "short-secret", "short")

    with pytest.raises(ServiceNotFound):
        find_service(ground, "short-secret")


def test_what_admits_a_request_is_found_at_once(ground: Ground, service: Service, secret: str):
    newer = rotate_secret(ground, service.name)
    assert find_with_secrets(ground, service.name) == (service, [newer, secret])
    with ground.database.begin() as session:
        services.retire_secrets(session, service.id)

    assert find_with_secrets(ground, service.name) == (service, [])


def test_a_made_up_secret_is_long_and_each_time_another(ground: Ground, service: Service):
    made = {rotate_secret(ground, service.name) for _ in range(3)}

    assert len(made) == 3
    assert all(len(secret) >= 64 for secret in made)


@pytest.mark.parametrize("path", ["/films", "/films/42/reviews", "/a/b/c/d/e", "/ü", "/a.b", "/" + "x" * 255])
def test_a_path_of_collections_and_documents_names_a_collection(ground: Ground, service: Service, path: str):
    add_collection(ground, service, path)

    assert list_collections(ground, service) == sorted(["/contacts", path])
    with pytest.raises(NameTaken):
        add_collection(ground, service, path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "films",
        "/films/",
        "//films",
        "/films/42",
        "/films//reviews",
        "/a b",
        "/a?b",
        "/a#b",
        "/a%20b",
        "/a\n",
        "/a\0",
        "/\ud800",
        "/" + "x" * 256,
        "/a/b" * 300 + "/c",
        "/__resources",
        "/health/1/films",
        "/docs",
    ],
)
def test_other_paths_do_not(ground: Ground, service: Service, path: str):
    with pytest.raises(NameRefused):
        add_collection(ground, service, path)

    assert list_collections(ground, service) == ["/contacts"]
