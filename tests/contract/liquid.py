"""A client of one community, and the worker's part played in this process."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from api.usecases import access, accounts
from api.usecases.access import Holder
from api.usecases.documents import list_documents
from api.usecases.services import Service
from shared.db.models import BatchJob
from shared.ground import Ground
from workers.exporting import run_export
from workers.importing import run_import

BATCH = "/ls/api/batch"
_numbers = count(1)


def never() -> bool:
    return False


@dataclass(frozen=True)
class Liquid:
    """Sends requests to a community with a good token, unless told otherwise."""

    client: FlaskClient
    ground: Ground
    service: Service
    token: str

    def __call__(self, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.client.post(path, headers=headers, **options)

    def job(self, path: str, **fields: Any) -> dict[str, Any]:
        """The status object that a call of batch answers with."""
        response = self(f"{BATCH}/{path}", data=fields)
        assert response.status_code == 200, response.text
        return dict(response.get_json())

    def upload(self, content: bytes, **fields: Any) -> dict[str, Any]:
        """The status object of an import of `content`; None leaves a parameter out."""
        given = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"} | fields
        form = {name: value for name, value in given.items() if value is not None}
        return self.job("import", **form, file=(io.BytesIO(content), "items.json"))

    def export(self, **fields: Any) -> dict[str, Any]:
        """The status object of an export; None leaves a parameter out."""
        given = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"} | fields
        return self.job("export", **{name: value for name, value in given.items() if value is not None})

    def status(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self.job("status", jobId=job["jobId"])

    def work_off(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Play the worker until the job has ended, and return its status object."""
        row = self.row(job)
        for _ in range(20):
            self.work_once(row)
            status = self.status(job)
            if status["status"] not in ("Accepted", "Processing", "Canceling"):
                return status
        raise AssertionError(status)

    def work_once(self, row: BatchJob) -> None:
        """What a worker does for one nudge."""
        if row.import_id is not None:
            run_import(self.ground, row.import_id, worker="w", should_stop=never)
        if row.export_id is not None:
            run_export(self.ground, row.export_id, worker="w", should_stop=never)

    def row(self, job: Mapping[str, Any]) -> BatchJob:
        with self.ground.database.begin() as session:
            return session.scalars(select(BatchJob).where(BatchJob.id == job["jobId"])).one()

    def documents(self, collection: str = "/contacts") -> list[dict[str, Any]]:
        page = list_documents(self.ground, self.service, collection, 1000)
        return [json.loads(document) for document in page.documents]


def liquid_client(client: FlaskClient, ground: Ground, service: Service) -> Liquid:
    """A client whose user may reach this community only."""
    user = accounts.add_user(ground, f"job-{next(_numbers)}@example.org", "a-password", [service.name])
    issued = access.issue(
        ground, Holder(user=user), community=service.name, properties="", now=datetime.now(UTC)
    )
    return Liquid(client, ground, service, issued.access_token)
