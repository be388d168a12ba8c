"""Ids that clients choose for their jobs: each community has its own, and learns nothing of another's."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from shared.db.models import Notification
from shared.ground import Ground
from tests.contract.liquid import BATCH, Liquid, liquid_client

ITEMS = b'{"documentid":"1"}'


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    return liquid_client(app.test_client(), ground, service)


@pytest.fixture
def other(app: Flask, ground: Ground, service: Service) -> Liquid:
    """A client of another community with the same item type."""
    stranger, _ = add_service(ground, f"other-than-{service.name}")
    add_collection(ground, stranger, "/contacts")
    return liquid_client(app.test_client(), ground, stranger)


@pytest.mark.parametrize("kind", ["import", "export"])
def test_two_communities_choose_one_id(liquid: Liquid, other: Liquid, kind: str):
    job_id = str(uuid4())
    firsts = liquid.upload(ITEMS, jobId=job_id, jobName="first's")

    submit = other.upload if kind == "import" else lambda _, **fields: other.export(**fields)
    others = submit(ITEMS, jobId=job_id, jobName="other's")

    assert (firsts["jobId"], others["jobId"]) == (job_id, job_id)
    assert (liquid.status(firsts)["jobName"], other.status(others)["jobName"]) == ("first's", "other's")
    assert other.job("cancel", jobId=job_id)["status"] == "Canceled"
    assert liquid.status(firsts)["status"] == "Accepted"
    assert other("/ls/api/batch/rejections", data={"jobId": job_id}).get_json()["jobId"] == job_id


def test_two_communities_choose_one_id_at_once(liquid: Liquid, other: Liquid):
    def submit(client: Liquid, job_id: str) -> str:
        return str(client.export(jobId=job_id)["jobId"])

    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            job_id = str(uuid4())
            both = [pool.submit(submit, client, job_id) for client in (liquid, other)]
            assert [answer.result() for answer in both] == [job_id, job_id]


def test_a_job_of_ones_own_keeps_its_id(liquid: Liquid, other: Liquid):
    job_id = str(uuid4())
    liquid.upload(ITEMS, jobId=job_id)
    form = {"jobName": "j", "itemType": "contacts", "contentType": "application/json", "jobId": job_id}
    other.export(jobId=job_id)

    answers = [client(f"{BATCH}/export", data=form) for client in (liquid, other)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].get_data() == answers[1].get_data()


def test_a_rejected_job_has_the_id_that_was_chosen(liquid: Liquid, other: Liquid):
    job_id = str(uuid4())
    liquid.upload(ITEMS, jobId=job_id)

    rejected = other.export(jobId=job_id, itemType="nothing")

    assert (rejected["status"], rejected["jobId"]) == ("Rejected", job_id)
    assert other.status(rejected) == rejected


def test_the_mail_names_the_id_that_was_chosen(liquid: Liquid, other: Liquid, ground: Ground):
    job_id = str(uuid4())
    liquid.upload(ITEMS, jobId=job_id)

    other.export(jobId=job_id, itemType="nothing", notificationEmail="joe@example.com")

    with ground.database.begin() as session:
        ids = Notification.content["job_id"].astext
        contents = session.scalars(select(Notification.content).where(ids == job_id)).all()
    assert [content["community"] for content in contents] == [other.service.name]
