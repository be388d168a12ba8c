"""Another tenant's everything: each of its ids, names, links and tokens, tried through both doors."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.usecases import tokens
from api.usecases.collections import add_collection
from api.usecases.services import Service, add_service
from shared.ground import Ground
from shared.links import Link, make_token, path_of
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.liquid import BATCH, Liquid, liquid_client


@dataclass(frozen=True)
class Attempt:
    """The intruder's clients, the owner's clients, and what the owner has."""

    call: Caller
    liquid: Liquid
    owner: Caller
    owners_liquid: Liquid
    import_id: int
    import_job: str
    export_job: str
    link: str

    def as_host(self, host: str) -> TestResponse:
        """The intruder's token at somebody's host."""
        headers = {"Authorization": f"Bearer {self.call.token}"}
        return self.call.client.get(IMPORTS, base_url=f"http://{host}", headers=headers)

    def forged_link(self) -> str:
        """The owner's link, signed with a key that the intruder knows."""
        real = Link.read(self.link.split("/")[-2])
        assert real is not None
        token = make_token(b"0" * 32, export_id=real.export_id, file_number=1, expires_at=real.expires_at)
        return path_of(token, "contacts.json")


class Case(NamedTuple):
    """What is tried, the status, and what the answer says."""

    act: Callable[[Attempt], TestResponse]
    status: int
    says: str


def datastore(method: str, path: str, status: int = 404, says: str = '"Not Found"', **options: Any) -> Case:
    return Case(lambda a: a.call(method, path.format(id=a.import_id), **options), status, says)


def batch(path: str, status: int, says: str, **fields: str) -> Case:
    def act(a: Attempt) -> TestResponse:
        known = {"import_job": a.import_job, "export_job": a.export_job, "owner": a.owner.service.name}
        return a.liquid(path, data={name: value.format(**known) for name, value in fields.items()})

    return Case(act, status, says)


def refused_job(path: str, says: str, **fields: str) -> Case:
    given = {"jobName": "j", "itemType": "Secret", "contentType": "application/json"} | fields
    return batch(f"{BATCH}/{path}", 200, says, **given)


def taken_id(a: Attempt) -> TestResponse:
    form = {"jobName": "j", "itemType": "contacts", "contentType": "application/json", "jobId": a.export_job}
    return a.liquid(f"{BATCH}/import", data={**form, "file": (io.BytesIO(b"[]"), "f")})


def another_community(a: Attempt) -> TestResponse:
    named = {"X-LiquidPlatform-community": a.owner.service.name}
    return a.liquid(f"{BATCH}/status", data={"jobId": a.import_job}, headers=named)


NDJSON = "application/x-ndjson"
NO_JOB, UNKNOWN = "There is no job", "There is no item type 'Secret' in this community."
CASES = {
    "read its import": datastore("GET", IMPORTS + "/{id}"),
    "start its import": datastore("PATCH", IMPORTS + "/{id}", json={"status": "started"}),
    "cancel its import": datastore("PATCH", IMPORTS + "/{id}", json={"status": "canceled"}),
    "lead its import elsewhere": datastore("PATCH", IMPORTS + "/{id}", json={"collection": "/contacts"}),
    "delete its import": datastore("DELETE", IMPORTS + "/{id}"),
    "list its blocks": datastore("GET", IMPORTS + "/{id}/blocks"),
    "add a block": datastore("POST", IMPORTS + "/{id}/blocks", data=b"{}", content_type=NDJSON),
    "read its block": datastore("GET", IMPORTS + "/{id}/blocks/1"),
    "read its rejections": datastore("GET", IMPORTS + "/{id}/rejections"),
    "stream its rejections": datastore("GET", IMPORTS + "/{id}/rejections", headers={"Accept": NDJSON}),
    "list its documents": datastore("GET", "/Secret"),
    "read its document": datastore("GET", "/Secret/1"),
    "read it where both have a collection": datastore("GET", "/contacts/1"),
    "list what both might have": datastore("GET", "/contacts", 200, '"data":[]'),
    "list all imports": datastore("GET", IMPORTS, 200, '"data":[]'),
    "import into its collection": datastore(
        "POST", IMPORTS, 400, '"Invalid collection"', json={"strategy": ["create"], "collection": "/Secret"}
    ),
    "go in by its host": Case(lambda a: a.as_host(f"{a.owner.service.name}.localhost"), 401, "not signed"),
    "read its token at this host": Case(
        lambda a: a.call("GET", IMPORTS, headers={"Authorization": f"Bearer {a.owner.token}"}),
        401,
        "not signed",
    ),
    "its token of the other door": Case(
        lambda a: a.call("GET", IMPORTS, headers={"Authorization": f"Bearer {a.owners_liquid.token}"}),
        401,
        "not a JSON Web Token",
    ),
    "ask for its import job": batch(f"{BATCH}/status", 404, NO_JOB, jobId="{import_job}"),
    "ask for its export job": batch(f"{BATCH}/status", 404, NO_JOB, jobId="{export_job}"),
    "ask in another spelling": batch(f"{BATCH}/status", 404, NO_JOB, jobId="urn:uuid:{export_job}"),
    "cancel its job": batch(f"{BATCH}/cancel", 404, NO_JOB, jobId="{import_job}"),
    "read what its job rejected": batch(f"{BATCH}/rejections", 404, NO_JOB, jobId="{import_job}"),
    "take its job's id": Case(taken_id, 200, '"status":"Accepted"'),
    "export its items": refused_job("export", UNKNOWN),
    "export its items by SQL": refused_job(
        "export", '"Rejected"', itemType="contacts", sqlQuery="SELECT * FROM {owner}_entity_Secret"
    ),
    "export its rows by SQL": refused_job(
        "export", '"Rejected"', itemType="contacts", sqlQuery="SELECT * FROM public.documents"
    ),
    "follow its items": batch("/ls/api/items/updates", 400, "There is no item type", itemType="Secret"),
    "write its items": Case(
        lambda a: a.liquid(
            "/ls/api/items/upsert", json=[{"headers": {"type": "Secret"}, "data": {"documentid": "2"}}]
        ),
        200,
        '"unknown_type"',
    ),
    "choose its community": batch("/ls/api/oauth2/setCommunity", 403, "granted", community="{owner}"),
    "choose it by the way": batch("/ls/api/oauth2/setProperties", 403, "granted", community="{owner}"),
    "name its community": Case(another_community, 400, "invalid_scope"),
    "forge its link": Case(lambda a: a.call.client.get(a.forged_link()), 404, "There is no such file"),
    "cut its link": Case(lambda a: a.call.client.get(a.link[:-30] + "/f"), 404, "not_found"),
}


# These tell of nothing but the login or the token that comes with the request. That a login is refused
# another community is in test_liquid_oauth.
OF_ONES_OWN = {
    ("POST", "/ls/api/oauth2/token"),
    ("GET", "/ls/api/oauth2/validate"),
    ("POST", "/ls/api/oauth2/validate"),
    ("POST", "/ls/api/oauth2/tokenInfo"),
}


def routes(app: Flask) -> set[tuple[str, str]]:
    """Methods and rules of all that is not everybody's."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/docs", "/health/", "/metrics", "/openapi.json"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def route_of(app: Flask, answer: TestResponse) -> tuple[str, str]:
    method = answer.request.method
    rule, _ = app.url_map.bind("localhost").match(answer.request.path, method, return_rule=True)
    return method, rule.rule


@pytest.fixture
def attempt(app: Flask, ground: Ground, call: Caller, service: Service) -> Attempt:
    """An intruder beside a tenant that has one of everything."""
    add_collection(ground, service, "/Secret")
    owners_liquid = liquid_client(app.test_client(), ground, service)
    uploaded = owners_liquid.upload(b'{"documentid":"1","name":"Ann"}\noops\n', itemType="Secret")
    owners_liquid.work_off(uploaded)
    exported = owners_liquid.work_off(owners_liquid.export(itemType="Secret"))
    import_id = call.new_import()
    call.add_block(import_id, b'{"documentid":"1"}')
    stranger, secret = add_service(ground, f"intruder-of-{service.name}")
    add_collection(ground, stranger, "/contacts")
    return Attempt(
        call=Caller(call.client, stranger, tokens.mint(secret, None)),
        liquid=liquid_client(app.test_client(), ground, stranger),
        owner=call,
        owners_liquid=owners_liquid,
        import_id=import_id,
        import_job=uploaded["jobId"],
        export_job=exported["jobId"],
        link=exported["links"][0].removeprefix(ground.settings.public_url),
    )


def belongings(attempt: Attempt) -> list[object]:
    """What the owner sees of all it has."""
    owner, path = attempt.owner, f"{IMPORTS}/{attempt.import_id}"
    paths = [path, f"{path}/blocks/1", "/Secret", "/contacts", IMPORTS, attempt.link]
    jobs = (attempt.import_job, attempt.export_job)
    return [
        *(owner("GET", one).data for one in paths),
        *(attempt.owners_liquid.job("status", jobId=job) for job in jobs),
    ]


def test_an_intruder_learns_and_changes_nothing_at_any_route(app: Flask, attempt: Attempt) -> None:
    """One test of all cases: what takes long is to give the owner one of everything."""
    before = belongings(attempt)

    answers = {name: case.act(attempt) for name, case in CASES.items()}

    for name, answer in answers.items():
        assert (answer.status_code, CASES[name].says in answer.text) == (CASES[name].status, True), (
            f"{name}: {answer.status_code} {answer.text}"
        )
        assert "Ann" not in answer.text, name
    assert belongings(attempt) == before
    assert routes(app) - {route_of(app, answer) for answer in answers.values()} == OF_ONES_OWN
