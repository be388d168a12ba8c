"""What is known of a collection's items may change; the key only while no document has its id from it."""

import json
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli.main import longshore
from api.usecases.collections import (
    CollectionKey,
    ItemField,
    KeyInUse,
    SchemaRefused,
    change_collection,
    list_keys,
)
from api.usecases.documents import list_documents
from api.usecases.item_types import KnownType, find_item_type
from api.usecases.items import upsert_items
from api.usecases.services import Service, add_service
from shared.errors import CollectionNotFound
from shared.ground import Ground
from tests.integration.job_builders import a_file_import, an_export, an_item_type, files_of

FIELDS = [ItemField("accountId", "string"), ItemField("age", "int")]
ITEM = b'{"headers":{"type":"Account"},"data":{"accountId":"a","otherId":"o"}}'


def known(ground: Ground, service: Service) -> KnownType:
    with ground.database.begin() as session:
        return find_item_type(session, service, "Account")


@pytest.fixture(autouse=True)
def account(ground: Ground, service: Service) -> str:
    return an_item_type(ground, service)


def test_what_is_not_given_stays(ground: Ground, service: Service):
    change_collection(ground, service, "/Account", fields=FIELDS)
    change_collection(ground, service, "/Account", category="work")

    found = known(ground, service)
    assert (found.key, found.category) == ("accountId", "work")
    assert list(found.types.items()) == [("accountId", "string"), ("age", "int")]


def test_a_key_changes_while_there_are_no_documents(ground: Ground, service: Service):
    change_collection(ground, service, "/Account", key="otherId")
    assert known(ground, service).key == "otherId"

    change_collection(ground, service, "/Account", key="documentid", fields=FIELDS)
    assert list_keys(ground, service)[0] == CollectionKey("/Account", "documentid")


@pytest.mark.parametrize("key", ["otherId", "documentid"])
def test_the_key_of_documents_stays(ground: Ground, service: Service, key: str):
    upsert_items(ground, service, [ITEM])

    with pytest.raises(KeyInUse, match=r"stays accountId: .* Add another collection"):
        change_collection(ground, service, "/Account", key=key, category="work")

    change_collection(ground, service, "/Account", key="accountId", fields=FIELDS)
    assert (known(ground, service).key, known(ground, service).category) == ("accountId", "entity")


def test_an_import_under_way_keeps_its_key_and_columns(ground: Ground, service: Service):
    change_collection(ground, service, "/Account", fields=FIELDS)
    job = a_file_import(ground, service, b"a,7\n", is_csv=True)

    with pytest.raises(KeyInUse):
        change_collection(ground, service, "/Account", key="otherId", fields=[ItemField("otherId", "string")])
    change_collection(ground, service, "/Account", fields=[*FIELDS[::-1], ItemField("more", "string")])
    job.work_off()

    [stored] = list_documents(ground, service, "/Account", 10).documents
    assert json.loads(stored) == {"documentid": "a", "accountId": "a", "age": 7}


def test_whoever_writes_items_keeps_the_key(ground: Ground, service: Service):
    """Between the look at the key and the first document nobody changes it."""
    with ThreadPoolExecutor(1) as pool:
        with ground.database.begin() as session:
            find_item_type(session, service, "Account", keeps_key=True)
            changing = pool.submit(change_collection, ground, service, "/Account", key="otherId")
            assert not wait([changing], timeout=0.3).done
        changing.result(timeout=10)


def test_an_export_is_written_by_the_schema_of_its_beginning(ground: Ground, service: Service):
    upsert_items(ground, service, [ITEM])
    job = an_export(ground, service, is_csv=True, has_header_row=True)

    change_collection(ground, service, "/Account", fields=FIELDS)
    job.work_off()

    assert files_of(job) == [b"accountId,age,otherId\r\na,,o\r\n"]


def test_what_cannot_be_known_is_refused(ground: Ground, service: Service):
    stranger, _ = add_service(ground, f"stranger-to-{service.name}")

    for changed, reason in [
        ({"key": ""}, "cannot be a key"),
        ({"fields": [ItemField("age", "int")]}, "accountId is not a field"),
        ({"category": "job"}, "entity or work"),
    ]:
        with pytest.raises(SchemaRefused, match=reason):
            change_collection(ground, service, "/Account", **changed)
    with pytest.raises(CollectionNotFound):
        change_collection(ground, stranger, "/Account", key="otherId")
    assert (known(ground, service).key, known(ground, service).types) == ("accountId", {})


def test_the_command_changes_what_it_is_given(
    environment: dict[str, str], ground: Ground, service: Service, tmp_path: Path
):
    schema = tmp_path / "schema.json"
    schema.write_text('[{"name": "accountId", "type": "string"}]')

    def run(*arguments: object):
        words = ["collections", "change", "/Account", "--service", service.name, *map(str, arguments)]
        return CliRunner().invoke(longshore, words, env=environment)

    assert run("--schema", schema).stdout == f"Changed /Account of {service.name}.\n"
    as_json = json.loads(run("--category", "work", "--json").stdout)
    assert as_json == {"service": service.name, "collection": "/Account"}
    assert run().exit_code == 2
    assert (known(ground, service).category, known(ground, service).types) == (
        "work",
        {"accountId": "string"},
    )
