"""The client of a round's batch jobs."""

from threading import Event
from typing import Any
from uuid import uuid4

import httpx

from shared.jobs import FINAL
from tests.faults.batch_orders import BatchOrder
from tests.faults.client import CarefulClient


class BatchCustomer:
    """A client of the other door, with an account of its own."""

    def __init__(self, client: CarefulClient, email: str, password: str, community: str) -> None:
        self._client = client
        form = {"grant_type": "password", "username": email, "password": password}
        form["scope"] = f"community={community}"
        answer = self._client.until_answered("POST", "/ls/api/oauth2/token", data=form)
        self._client.show(answer.json()["access_token"])

    def close(self) -> None:
        self._client.close()

    def import_file(self, order: BatchOrder) -> dict[str, Any]:
        """The job when it has ended. Its id is ours, so that a repeated request is known as such."""
        return self._run("import", order.form, files={"file": ("items", order.file)})

    def rejected(self, job: dict[str, Any]) -> list[tuple[int, str]]:
        """Line of the file and code of what the job rejected, the first page."""
        form = {"jobId": job["jobId"]}
        answer = self._client.until_answered("POST", "/ls/api/batch/rejections", data=form)
        return [(line["line"], line["code"]) for line in answer.json()["rejections"]]

    def export_until(self, item_type: str, is_over: Event) -> list[dict[str, Any]]:
        """One export after the other, so that one is always under way: all jobs."""
        jobs = [self.export_json(item_type)]
        while not is_over.is_set():
            jobs.append(self.export_json(item_type))
        return jobs

    def export_json(self, item_type: str) -> dict[str, Any]:
        return self._run("export", {"itemType": item_type, "contentType": "application/json"})

    def download(self, job: dict[str, Any]) -> bytes:
        return b"".join(
            self._client.until_answered("GET", httpx.URL(link).path).content for link in job["links"]
        )

    def _run(self, what: str, given: dict[str, str], **more: Any) -> dict[str, Any]:
        job_id = str(uuid4())
        form = given | {"jobId": job_id, "jobName": what, "notificationEmail": f"{job_id}@example.com"}
        self._client.until_answered("POST", f"/ls/api/batch/{what}", data=form, final={409}, **more)
        return self._client.look_until(
            lambda: self._status(job_id), lambda job: job["status"] in FINAL, f"job {job_id} ends"
        )

    def _status(self, job_id: str) -> dict[str, Any]:
        answer = self._client.until_answered("POST", "/ls/api/batch/status", data={"jobId": job_id})
        return dict(answer.json())
