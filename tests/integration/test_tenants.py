"""One data service never sees another's: every verb, tried with the other's ids and names."""

from collections.abc import Callable

import pytest

from api.usecases.blocks import list_blocks, open_block, receive_block, room_for_block
from api.usecases.collections import add_collection, list_collections
from api.usecases.documents import get_document, list_documents
from api.usecases.imports import (
    ImportChanges,
    create_import,
    delete_import,
    get_import,
    list_imports,
    update_import,
)
from api.usecases.rejections import list_rejections, stream_rejections
from api.usecases.services import Service, active_secrets, rotate_secret
from shared.errors import CollectionNotFound, DocumentNotFound, ImportNotFound
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import an_import, documents, ndjson, work_off

Verb = Callable[[Ground, Service, int], object]

VERBS: dict[str, Verb] = {
    "get": get_import,
    "start": lambda *whose: update_import(*whose, ImportChanges(status=Status.STARTED)),
    "configure": lambda *whose: update_import(*whose, ImportChanges(strategies=["create"])),
    "change nothing": lambda *whose: update_import(*whose, ImportChanges()),
    "delete": delete_import,
    "list blocks": lambda *whose: list_blocks(*whose, 1),
    "list blocks far away": lambda *whose: list_blocks(*whose, 10**30),
    "ask to add a block": room_for_block,
    "add a block": lambda *whose: receive_block(*whose, [b"{}"]),
    "open a block": lambda *whose: open_block(*whose, 1),
    "list rejections": lambda *whose: list_rejections(*whose, 1),
    "stream rejections": stream_rejections,
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_another_services_import_is_not_found(
    ground: Ground, service: Service, stranger: Service, verb: Verb
):
    import_id = an_import(ground, service, ndjson({}), status=Status.CONFIGURING)

    with pytest.raises(ImportNotFound):
        verb(ground, stranger, import_id)

    row = get_import(ground, service, import_id)
    assert (row.status, row.block_count, row.strategies) == ("configuring", 1, ["create", "update"])


@pytest.mark.parametrize("import_id", [0, -1, 2**63, 10**30])
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_an_import_that_cannot_be_is_not_found(ground: Ground, service: Service, verb: Verb, import_id: int):
    with pytest.raises(ImportNotFound):
        verb(ground, service, import_id)


def test_imports_are_listed_newest_first_and_only_ones_own(
    ground: Ground, service: Service, stranger: Service
):
    mine = [an_import(ground, service) for _ in range(3)]
    theirs = an_import(ground, stranger)

    assert [row.id for row in list_imports(ground, service, 1)] == mine[::-1]
    assert [row.id for row in list_imports(ground, stranger, 1)] == [theirs]
    assert list_imports(ground, service, 2) == list_imports(ground, service, 10**30) == []


def test_documents_of_one_path_are_kept_apart(ground: Ground, service: Service, stranger: Service):
    for owner in (service, stranger):
        work_off(ground, owner, an_import(ground, owner, ndjson({"documentid": "1", "of": owner.name})))

    assert documents(ground, service) == {"1": {"of": service.name}}
    assert documents(ground, stranger) == {"1": {"of": stranger.name}}


def test_another_services_collection_does_not_exist(ground: Ground, service: Service, stranger: Service):
    add_collection(ground, service, "/films/42/reviews")

    assert list_collections(ground, stranger) == ["/contacts"]
    for verb in (
        lambda: create_import(ground, stranger, ["create"], "/films/42/reviews"),
        lambda: get_document(ground, stranger, "/films/42/reviews", "1"),
        lambda: list_documents(ground, stranger, "/films/42/reviews", 10),
    ):
        with pytest.raises(CollectionNotFound, match="/films/42/reviews"):
            verb()


@pytest.mark.parametrize(
    "path", ["", "/", "/unknown", "contacts", "/contacts/", "/CONTACTS", "/" + "x" * 10_000]
)
def test_a_collection_that_is_not_there_is_not_found(ground: Ground, service: Service, path: str):
    import_id = an_import(ground, service, status=Status.CONFIGURING)

    for verb in (
        lambda: create_import(ground, service, ["create"], path),
        lambda: update_import(ground, service, import_id, ImportChanges(collection=path)),
        lambda: list_documents(ground, service, path, 10),
    ):
        with pytest.raises(CollectionNotFound):
            verb()


def test_another_services_document_is_not_found(ground: Ground, service: Service, stranger: Service):
    work_off(ground, service, an_import(ground, service, ndjson({"documentid": "1"})))

    with pytest.raises(DocumentNotFound):
        get_document(ground, stranger, "/contacts", "1")


def test_secrets_are_each_services_own(ground: Ground, service: Service, stranger: Service, secret: str):
    added = rotate_secret(ground, service.name)
    assert active_secrets(ground, service) == [added, secret]

    only = rotate_secret(ground, service.name, retire=True)

    assert active_secrets(ground, service) == [only]
    assert len(active_secrets(ground, stranger)) == 1
