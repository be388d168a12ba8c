"""Links to the files of exports: no login, ranges, an end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from api.usecases.collections import add_collection
from api.usecases.services import Service
from shared.db import retention
from shared.ground import Ground
from shared.links import Link, make_token, path_of
from tests.contract.liquid import Liquid, liquid_client


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    return liquid_client(app.test_client(), ground, service)


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def job(liquid: Liquid) -> dict[str, Any]:
    """An export of one item that is complete."""
    liquid.work_off(liquid.upload(b'[{"documentid": "1", "name": "Ann"}]'))
    return liquid.work_off(liquid.export())


@pytest.fixture
def path(job: dict[str, Any], ground: Ground) -> str:
    """Where its file is."""
    link: str = job["links"][0]
    return link.removeprefix(ground.settings.public_url)


def test_a_file_is_given_to_whoever_has_the_link(anybody: FlaskClient, path: str):
    response = anybody.get(path)

    assert response.status_code == 200
    assert json.loads(response.data)[0]["data"] == {"name": "Ann"}
    assert response.content_type == "application/json"
    assert response.headers["Content-Disposition"] == "attachment; filename=contacts.json"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_a_file_is_called_after_its_item_type_whatever_its_name_is(
    anybody: FlaskClient, liquid: Liquid, ground: Ground
):
    add_collection(ground, liquid.service, '/Zoë"漢')
    [link] = liquid.work_off(liquid.export(itemType='Zoë"漢'))["links"]

    named = anybody.get(link.removeprefix(ground.settings.public_url)).headers["Content-Disposition"]

    assert named == """attachment; filename="Zo_\\"_.json"; filename*=UTF-8''Zo%C3%AB%22%E6%BC%A2.json"""


def test_a_head_request_tells_the_size(anybody: FlaskClient, path: str):
    response = anybody.head(path)

    assert (response.status_code, response.data) == (200, b"")
    assert int(response.headers["Content-Length"]) == len(anybody.get(path).data)


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-3", 0, 4), ("bytes=5-", 5, None), ("bytes=-4", -4, None)]
)
def test_a_range_of_it(anybody: FlaskClient, path: str, asked: str, start: int, end: int | None):
    whole = anybody.get(path).data

    response = anybody.get(path, headers={"Range": asked})

    assert response.status_code == 206
    assert response.data == whole[start:end]
    assert response.headers["Content-Range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=-999999", "items=0-1", "bytes=x", "", "bytes=-"])
def test_what_is_no_part_of_it_is_answered_with_the_whole(anybody: FlaskClient, path: str, asked: str):
    """A suffix longer than the file was refused, and is the file."""
    response = anybody.get(path, headers={"Range": asked})

    assert (response.status_code, response.data) == (200, anybody.get(path).data)


def test_a_range_beyond_its_end(anybody: FlaskClient, path: str):
    assert anybody.get(path, headers={"Range": "bytes=999999-"}).status_code == 416


def test_what_is_there_already_is_not_sent_again(anybody: FlaskClient, path: str):
    first = anybody.get(path)

    by_tag = anybody.get(path, headers={"If-None-Match": first.headers["ETag"]})
    by_time = anybody.get(path, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    resumed = anybody.get(path, headers={"Range": "bytes=1-2", "If-Range": first.headers["ETag"]})
    changed = anybody.get(path, headers={"Range": "bytes=1-2", "If-Range": '"another"'})

    statuses = [response.status_code for response in (by_tag, by_time, resumed, changed)]
    assert statuses == [304, 304, 206, 200]


def test_a_link_ends(anybody: FlaskClient, liquid: Liquid, ground: Ground, job: dict[str, Any]):
    export_id = liquid.row(job).export_id
    assert export_id is not None
    with ground.database.begin() as session:
        key = session.execute(text("SELECT link_key FROM exports WHERE id = :id"), {"id": export_id})
        ended_at = datetime.now(UTC) - timedelta(seconds=1)
        token = make_token(bytes(key.scalar_one()), export_id=export_id, file_number=1, expires_at=ended_at)

    response = anybody.get(path_of(token, "contacts.json"))

    assert (response.status_code, response.get_json()["error"]) == (410, "gone")


def test_a_link_is_good_for_a_week_after_completion(path: str):
    link = Link.read(path.split("/")[5])

    assert link is not None
    left = link.expires_at - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_a_link_goes_with_its_job(anybody: FlaskClient, ground: Ground, liquid: Liquid, job, path: str):
    with ground.database.begin() as session:
        session.execute(text("DELETE FROM exports WHERE id = :id"), {"id": liquid.row(job).export_id})

    response = anybody.get(path)

    assert (response.status_code, response.get_json()["error"]) == (404, "not_found")


def test_a_link_whose_file_is_gone(anybody: FlaskClient, ground: Ground, liquid: Liquid, job, path: str):
    with ground.database.begin() as session:
        retention.forget_files(session, liquid.row(job).export_id)

    assert anybody.get(path).status_code == 404


@pytest.mark.parametrize("at", [0, 5, 11, 19, 20, 30, -1])
def test_a_link_cannot_be_altered(anybody: FlaskClient, path: str, at: int):
    *start, token, name = path.split("/")
    altered = list(token)
    altered[at] = "A" if altered[at] != "A" else "Q"

    response = anybody.get("/".join([*start, "".join(altered), name]))

    assert response.status_code == 404


@pytest.mark.parametrize("token", ["x", "%00", "é", "A" * 20_00, "=", "..", "a b"])
def test_a_link_cannot_be_made_up(anybody: FlaskClient, token: str):
    response = anybody.get(f"/ls/api/batch/download/{token}/contacts.json")

    assert (response.status_code, response.get_json()["error"]) == (404, "not_found")
