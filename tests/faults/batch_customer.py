"""The client of a round's batch jobs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from threading import Event
from typing import Any
from uuid import uuid4

import httpx

from shared.jobs import ACCEPTED, CANCELING, FINAL, INITIALIZED
from tests.faults.batch_orders import ITEMS, BatchOrder
from tests.faults.client import CarefulClient

Holds = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class EndedJob:
    """What its client was told of a job."""

    told: dict[str, Any]  # when it had ended
    was_caught: bool = False  # a worker was at it when it was canceled


@dataclass
class Exports:
    """All exports of a round."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    canceled: list[EndedJob] = field(default_factory=list)  # or they had ended before

    @property
    def all(self) -> list[dict[str, Any]]:
        return self.kept + [job.told for job in self.canceled]


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

    def import_file(self, order: BatchOrder) -> EndedJob:
        """See it through, or cancel it on its way. Its id is ours, so that a repeated request is known."""
        job_id = self._submit("import", order.form, files={"file": ("items", order.file)})
        if order.is_canceled:
            return self._cancel(job_id, lambda job: int(job["recordsProcessed"]) >= ITEMS // 4)
        return EndedJob(self._wait_for_end(job_id))

    def rejected(self, job: dict[str, Any]) -> list[tuple[int, str]]:
        """Line of the file and code of what the job rejected, the first page."""
        form = {"jobId": job["jobId"]}
        answer = self._client.until_answered("POST", "/ls/api/batch/rejections", data=form)
        return [(line["line"], line["code"]) for line in answer.json()["rejections"]]

    def export_until(self, item_type: str, is_over: Event) -> Exports:
        """One export after the other, so that one is always under way. Every other one is canceled, some of
        them before a worker takes them."""
        exports = Exports()
        for has_begun in cycle([_has_begun, lambda _: True]):
            exports.kept.append(self.export_json(item_type))
            exports.canceled.append(self._cancel(self._submit_export(item_type), has_begun))
            if is_over.is_set():
                break
        return exports

    def export_json(self, item_type: str) -> dict[str, Any]:
        return self._wait_for_end(self._submit_export(item_type))

    def download(self, job: dict[str, Any]) -> bytes:
        return b"".join(
            self._client.until_answered("GET", httpx.URL(link).path).content for link in job["links"]
        )

    def _submit_export(self, item_type: str) -> str:
        return self._submit("export", {"itemType": item_type, "contentType": "application/json"})

    def _submit(self, what: str, given: dict[str, str], **more: Any) -> str:
        job_id = str(uuid4())
        form = given | {"jobId": job_id, "jobName": what, "notificationEmail": f"{job_id}@example.com"}

        def submit() -> dict[str, Any]:
            answer = self._client.until_answered(
                "POST", f"/ls/api/batch/{what}", data=form, final={httpx.codes.CONFLICT}, **more
            )
            is_known = answer.status_code == httpx.codes.CONFLICT
            return self._ask("status", job_id) if is_known else dict(answer.json())

        # One that is known by its id may have lost its file with the API that received it.
        self._client.look_until(submit, lambda job: job["status"] != INITIALIZED, f"job {job_id} is accepted")
        return job_id

    def _cancel(self, job_id: str, is_time: Holds) -> EndedJob:
        """Cancel it when it is time, or it has ended."""
        self._wait(job_id, lambda job: is_time(job) or _has_ended(job))
        canceled = self._ask("cancel", job_id)
        return EndedJob(self._wait_for_end(job_id), canceled["status"] == CANCELING)

    def _wait_for_end(self, job_id: str) -> dict[str, Any]:
        return self._wait(job_id, _has_ended)

    def _wait(self, job_id: str, holds: Holds) -> dict[str, Any]:
        return self._client.look_until(lambda: self._ask("status", job_id), holds, f"job {job_id} gets there")

    def _ask(self, what: str, job_id: str) -> dict[str, Any]:
        answer = self._client.until_answered("POST", f"/ls/api/batch/{what}", data={"jobId": job_id})
        return dict(answer.json())


def _has_begun(job: dict[str, Any]) -> bool:
    return job["status"] not in (INITIALIZED, ACCEPTED)


def _has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in FINAL
