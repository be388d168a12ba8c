"""Imports of this door's jobs are no imports of the other door."""

import pytest
from flask import Flask

from api.usecases.services import Service
from shared.ground import Ground
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.liquid import Liquid, liquid_client


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    return liquid_client(app.test_client(), ground, service)


def test_the_datastore_api_does_not_show_them(liquid: Liquid, call: Caller):
    import_id = liquid.row(liquid.upload(b'[{"documentid": "1"}]')).import_id

    assert call("GET", IMPORTS).get_json() == {"data": []}
    path = f"{IMPORTS}/{import_id}"
    answers = [
        call("GET", path),
        call("PATCH", path, json={"status": "canceled"}),
        call("DELETE", path),
        call("GET", f"{path}/blocks"),
        call("GET", f"{path}/rejections"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5


def test_the_datastore_api_documents_the_published_statuses_alone(call: Caller):
    schema = call("GET", "/openapi.json").get_json()["components"]["schemas"]["Import"]

    assert schema["properties"]["status"]["enum"] == [
        "configuring",
        "started",
        "running",
        "paused",
        "resumed",
        "canceled",
        "complete",
        "failed",
    ]


@pytest.mark.parametrize("status", ["canceling", "rejected"])
def test_nor_can_the_others_be_asked_for(call: Caller, status: str):
    response = call("PATCH", f"{IMPORTS}/{call.new_import()}", json={"status": status})

    assert response.status_code == 400
    assert "Must be one of" in response.get_json()["invalid-params"][0]["reason"]
