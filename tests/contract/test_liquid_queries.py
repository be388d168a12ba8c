"""Exports by a client's SQL: what it can name, and how it is told that it cannot."""

import json
import re
from typing import Any

import pytest
from flask import Flask

from api.usecases.collections import ItemField, add_collection
from api.usecases.services import Service, add_service
from shared.db.models import Base
from shared.ground import Ground
from tests.contract.liquid import Liquid, liquid_client
from tests.hostile_sql import HOSTILE


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    """A client of a community that also has the item type Account, with a schema."""
    fields = [ItemField("accountId", "string"), ItemField("age", "int")]
    add_collection(ground, service, "/Account", key="accountId", fields=fields)
    return liquid_client(app.test_client(), ground, service)


def answer(liquid: Liquid, done: dict[str, Any]) -> list[Any]:
    """The rows in the job's only file."""
    content = liquid.client.get(done["links"][0].removeprefix("http://localhost:8080")).data
    return list(json.loads(content))


def test_headers_are_columns(liquid: Liquid):
    liquid.work_off(liquid.upload(b'[{"documentid": "7", "name": "Ann"}]'))
    community = liquid.service.name
    query = (
        f'SELECT h_id, h_type, h_category, h_community, name FROM "{community}_work_contacts"'
        " WHERE h_processedAt > now() - interval '1 day'"
    )

    done = liquid.work_off(liquid.export(sqlQuery=query))

    headers = {"h_id": "7", "h_type": "contacts", "h_category": "work", "h_community": community}
    assert answer(liquid, done) == [{**headers, "name": "Ann"}]


def test_a_community_with_a_hyphen_needs_no_quotes(app: Flask, ground: Ground):
    service, _ = add_service(ground, "my-shop")
    for path in ("/contacts", "/Movie", "/films/42/best-of"):
        add_collection(ground, service, path)
    liquid = liquid_client(app.test_client(), ground, service)

    for query in (
        "SELECT h_community FROM my_shop_entity_Movie",
        'SELECT h_community FROM "my-shop_entity_Movie"',
        "SELECT h_community FROM my_shop_work_films_42_best_of",
    ):
        assert liquid.work_off(liquid.export(sqlQuery=query))["status"] == "Completed"


def test_item_types_whose_names_become_the_same_are_ambiguous(liquid: Liquid, ground: Ground):
    add_collection(ground, liquid.service, "/best-of")
    add_collection(ground, liquid.service, "/best_of")

    refused = liquid.work_off(liquid.export(sqlQuery="SELECT * FROM best_of"))
    told_apart = liquid.work_off(liquid.export(sqlQuery='SELECT * FROM "best-of"'))

    assert refused["status"] == "Rejected"
    assert "'best_of' is ambiguous" in refused["reason"]
    assert told_apart["status"] == "Completed"


UNKNOWN = {
    "a field": ("SELECT a.agee FROM Account a", "'agee' is not a column of a. Did you mean age?"),
    "a property": (
        "SELECT nane FROM contacts",
        "No item of contacts has a property 'nane'. Did you mean name?",
    ),
    "a property that only the condition names": (
        "SELECT c.name FROM contacts c WHERE c.zip = '1'",
        "No item of c has a property 'zip'.",
    ),
}


@pytest.mark.parametrize(("query", "reason"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_column_that_no_item_has_rejects_the_job(liquid: Liquid, query: str, reason: str):
    liquid.work_off(liquid.upload(b'[{"documentid": "7", "name": "Ann"}]'))

    done = liquid.work_off(liquid.export(sqlQuery=query))

    assert done["status"] == "Rejected"
    assert done["reason"].endswith(reason)


@pytest.fixture(scope="module")
def target(app: Flask, ground: Ground) -> Liquid:
    """A client of a community with the item types that the attacks name; one for all, a login takes long."""
    service, _ = add_service(ground, "attacked")
    fields = [ItemField("name", "string"), ItemField("year", "int")]
    add_collection(ground, service, "/movie", fields=fields)
    add_collection(ground, service, "/note")
    add_collection(ground, service, "/contacts")
    return liquid_client(app.test_client(), ground, service)


# What a reason may only name where the SQL itself did.
NAMES = frozenset(
    {*Base.metadata.tables, "documents", "signing_key", "longshore", "postgres", "pg_catalog", "Traceback"}
)


# An empty parameter is none at all, and what is no text cannot be sent as a form.
SENT = {name: sql for name, sql in HOSTILE.items() if name not in ("nothing", "half a pair")}


@pytest.mark.parametrize("attack", SENT.values(), ids=SENT.keys())
def test_hostile_sql_rejects_the_job_with_a_reason_that_names_nothing_of_ours(target: Liquid, attack: str):
    rejected = target.export(sqlQuery=attack)

    assert rejected["status"] == "Rejected"
    assert rejected["reason"]
    told = {name for name in NAMES if re.search(rf"\b{name}", rejected["reason"])}
    assert all(name in re.sub("[\\\\!]006f", "o", attack) for name in told)
    assert target.status(rejected) == rejected
