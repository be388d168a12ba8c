"""The demo's last stations: a batch job imports items, another exports them, and its link is followed."""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from api.usecases import accounts, collections
from api.usecases.services import Service
from shared.errors import LongshoreError, NameTaken
from shared.ground import Ground
from shared.jobs import COMPLETED, FINAL

IMPORT, EXPORT = "/ls/api/batch/import", "/ls/api/batch/export"
ITEM_TYPE = "Ship"
KEY = "shipId"
SHIPS = [
    {"shipId": "S1", "name": "Merganser", "tonnage": 12500.5, "port": {"city": "Hull", "berth": 4}},
    {"shipId": "S2", "name": "Turnstone", "tonnage": 830, "port": {"city": "Leith", "berth": 11}},
]

Pause = Callable[[float], None]


class JobFailed(LongshoreError):
    """A batch job of the demo did not complete."""

    code = "demo_job_failed"


@dataclass(frozen=True)
class Login:
    """A user made for one demo, whose password nobody else learns."""

    email: str
    password: str = field(repr=False)


def prepare(ground: Ground, community: Service) -> Login:
    """What an administrator sets up once: an item type, and a user of the community."""
    with suppress(NameTaken):
        collections.add_collection(ground, community, f"/{ITEM_TYPE}", key=KEY)
    login = Login(f"demo-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe())
    accounts.add_user(ground, login.email, login.password, [community.name])
    return login


class BatchClient:
    """Speaks to the Liquid Decisions API as its published examples do."""

    def __init__(self, url: str, community: str, login: Login, pause: Pause) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._pause = pause
        scope = f"community={community}"
        grant = {"grant_type": "password", "username": login.email, "password": login.password}
        token = self._post("/ls/api/oauth2/token", grant | {"scope": scope})["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._http.close()

    def import_ships(self) -> dict[str, Any]:
        """The finished import of SHIPS."""
        fields = {"jobName": "ships in", "itemType": ITEM_TYPE, "contentType": "application/json"}
        files = {"file": ("ships.json", json.dumps(SHIPS).encode(), "application/json")}
        answer = self._http.post(IMPORT, data=fields, files=files)
        return self._finished(answer.raise_for_status().json())

    def export_ships(self) -> dict[str, Any]:
        """The finished export as a table with a header row."""
        fields = {"jobName": "ships out", "itemType": ITEM_TYPE, "contentType": "text/plain"}
        return self._finished(self._post(EXPORT, fields | {"rowHeader": "true"}))

    def follow(self, link: str) -> str:
        """What is behind a download link; it needs no login.

        The link's host is how the world calls the service, which need not be how it is reached from here.
        """
        parts = urlsplit(link)
        url = self._http.base_url.join(f"{parts.path}?{parts.query}")
        return httpx.get(url, timeout=30, trust_env=False).raise_for_status().text

    def _finished(self, job: dict[str, Any]) -> dict[str, Any]:
        while job["status"] not in FINAL:
            self._pause(0.1)
            job = self._post("/ls/api/batch/status", {"jobId": job["jobId"]})
        if job["status"] != COMPLETED:
            raise JobFailed(f"The job {job['jobName']} is {job['status']}: {job['reason']}")
        return job

    def _post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = self._http.post(path, data=form).raise_for_status().json()
        return answer
