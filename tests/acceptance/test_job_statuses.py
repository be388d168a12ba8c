"""The eight statuses of the published API, each seen over HTTP while real workers run, and each one's mail.

Workers are held still where a status would pass too quickly to be looked at.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.jobs import FINAL
from tests.acceptance.jobs import exported, imported, mails_about, texts_of
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.processes import held
from tests.acceptance.waiting import wait_for
from tests.supplies.mails import Mails

ITEMS = 200_000
# So that an export takes a minute on the fastest machine; each of them is canceled before.
SLOW = "$name #foreach ($n in [1..300])#set ($x = $n)#end"
SMALL = b'[{"accountId":"1"},{"name":"no key"}]'
# The fields of the reference, in its order, and what each of them looks like.
FIELDS = {
    "submitTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000",
    "jobId": r"[0-9a-f-]{36}",
    "notificationEmail": r"joe@example\.com",
    "jobName": r".+",
    "contentType": r"application/json|text/plain",
    "itemType": r"Account\d+",
    "recordsProcessed": r"\d+",
    "runTime": r"\d+",
    "status": r"[A-Z][a-z]+",
    "reason": r"[A-Z].+",
}
REASONS = {
    "Initialized": r"The file is being received",
    "Accepted": r"The (file has been stored and the )?job is ready for processing",
    "Processing": r"The (file is being processed: \d+ created|items are being exported: \d+ items) so far",
    "Completed": r"The (file has been processed: 1 created, 1 rejected|export is complete: 1 item)",
    "Rejected": r"The (file cannot be read: .+|.+ is not known.+|export cannot be done: .+)",
    "Canceling": r"The job will be canceled: \d+ (created|items) so far",
    "Canceled": r"The job has been canceled: \d+ (created|items until then)",
    "Failed": r"The job failed several times: .+ other bytes .+ Done until then: no items",
}


def many_items() -> bytes:
    return b"".join(b'{"accountId":"%d","n":%d}\n' % (n, n) for n in range(ITEMS))


class Scene:
    """One job that is brought to a status; its name is in the subject of its mail."""

    def __init__(
        self,
        liquid: LiquidClient,
        item_type: str,
        full_item_type: str,
        workers: Callable[[], list[int]],
        storage: Path,
    ) -> None:
        self.liquid = liquid
        self.full_item_type = full_item_type
        self.workers = workers
        self.storage = storage
        self.order = {
            "jobName": f"Scene ({item_type})",
            "itemType": item_type,
            "contentType": "application/json",
            "notificationEmail": "joe@example.com",
        }

    def start_import(self, content: bytes, **fields: str) -> str:
        return str(self.liquid.start_import("data.json", content, **self.order | fields)["jobId"])

    def start_export(self, **fields: str) -> str:
        return str(self.liquid.start_export(**self.order | fields)["jobId"])

    def wait_for_progress(self, job_id: str) -> None:
        wait_for(lambda: int(self.liquid.status(job_id)["recordsProcessed"]))

    def damage_newest_file(self) -> None:
        """The volume gives other bytes from now on."""
        newest = max(self.storage.glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
        newest.write_bytes(b"x" * newest.stat().st_size)

    def start_long_export(self) -> str:
        return self.start_export(itemType=self.full_item_type, contentType="text/plain", template=SLOW)


def an_import_is_initialized(scene: Scene) -> dict[str, Any]:
    job_id, seen = str(uuid4()), []

    def pieces() -> Iterator[bytes]:
        yield SMALL[:-1].ljust(1 << 20)
        seen.append(wait_for(lambda: scene.liquid.find(job_id)))
        yield SMALL[-1:]

    ended = scene.liquid.upload(pieces(), (1 << 20) + 1, **scene.order, jobId=job_id)
    assert ended["jobId"] == job_id
    return dict(seen[0])


def an_import_is_accepted(scene: Scene) -> dict[str, Any]:
    with held(scene.workers()):
        return scene.liquid.status(scene.start_import(SMALL))


def an_import_is_processing(scene: Scene) -> dict[str, Any]:
    return _processing(scene, scene.start_import(many_items()))


def an_import_is_completed(scene: Scene) -> dict[str, Any]:
    return scene.liquid.wait_for_end(scene.start_import(SMALL))


def an_import_is_rejected_for_its_parameters(scene: Scene) -> dict[str, Any]:
    # The fields are told again as they came, also where they are what is wrong.
    job = scene.liquid.status(scene.start_import(SMALL, contentType="application/x-unknown"))
    assert job["contentType"] == "application/x-unknown"
    return job | {"contentType": "application/json"}


def an_import_is_rejected_for_its_file(scene: Scene) -> dict[str, Any]:
    return scene.liquid.wait_for_end(scene.start_import(b"this is no JSON"))


def an_import_is_canceling(scene: Scene) -> dict[str, Any]:
    return _canceling(scene, scene.start_import(many_items()))


def an_import_is_canceled(scene: Scene) -> dict[str, Any]:
    job = scene.liquid.wait_for_end(an_import_is_canceling(scene)["jobId"])
    left = json.loads(exported(scene.liquid, scene.order["itemType"]))
    assert 0 < len(left) == int(job["recordsProcessed"]) < ITEMS
    return job


def an_import_has_failed(scene: Scene) -> dict[str, Any]:
    with held(scene.workers()):
        job_id = scene.start_import(SMALL)
        scene.damage_newest_file()
    return scene.liquid.wait_for_end(job_id)


def an_export_is_accepted(scene: Scene) -> dict[str, Any]:
    with held(scene.workers()):
        return scene.liquid.status(scene.start_export())


def an_export_is_processing(scene: Scene) -> dict[str, Any]:
    return _processing(scene, scene.start_long_export())


def an_export_is_completed(scene: Scene) -> dict[str, Any]:
    imported(scene.liquid, scene.order["itemType"], SMALL)
    job = scene.liquid.wait_for_end(scene.start_export())
    assert len(job["links"]) == 1
    return job


def an_export_is_rejected(scene: Scene) -> dict[str, Any]:
    imported(scene.liquid, scene.order["itemType"], SMALL)
    return scene.liquid.wait_for_end(
        scene.start_export(sqlQuery=f"SELECT 1/0 FROM {scene.order['itemType']}")
    )


def an_export_is_canceling(scene: Scene) -> dict[str, Any]:
    return _canceling(scene, scene.start_long_export())


def an_export_is_canceled(scene: Scene) -> dict[str, Any]:
    job = scene.liquid.wait_for_end(an_export_is_canceling(scene)["jobId"])
    assert job["links"] == []
    return job


def _processing(scene: Scene, job_id: str) -> dict[str, Any]:
    scene.wait_for_progress(job_id)
    with held(scene.workers()):
        return scene.liquid.status(job_id)


def _canceling(scene: Scene, job_id: str) -> dict[str, Any]:
    scene.wait_for_progress(job_id)
    with held(scene.workers()):
        assert scene.liquid.cancel(job_id)["status"] == "Canceling"
        return scene.liquid.status(job_id)


SCENES: list[tuple[Callable[[Scene], dict[str, Any]], str]] = [
    (an_import_is_initialized, "Initialized"),
    (an_import_is_accepted, "Accepted"),
    (an_import_is_processing, "Processing"),
    (an_import_is_completed, "Completed"),
    (an_import_is_rejected_for_its_parameters, "Rejected"),
    (an_import_is_rejected_for_its_file, "Rejected"),
    (an_import_is_canceling, "Canceling"),
    (an_import_is_canceled, "Canceled"),
    (an_import_has_failed, "Failed"),
    (an_export_is_accepted, "Accepted"),
    (an_export_is_processing, "Processing"),
    (an_export_is_completed, "Completed"),
    (an_export_is_rejected, "Rejected"),
    (an_export_is_canceling, "Canceling"),
    (an_export_is_canceled, "Canceled"),
]


@pytest.fixture
def scene(
    liquid: LiquidClient,
    item_type: str,
    full_item_type: str,
    running_pids: Callable[[str], list[int]],
    storage: Path,
) -> Scene:
    return Scene(liquid, item_type, full_item_type, lambda: running_pids("worker"), storage)


def test_every_status_of_the_reference_is_seen() -> None:
    assert {status for _, status in SCENES} == set(REASONS)


@pytest.mark.parametrize(("play", "status"), SCENES, ids=[play.__name__ for play, _ in SCENES])
def test_a_status_has_its_fields_its_reason_and_at_its_end_one_mail(
    scene: Scene, play: Callable[[Scene], dict[str, Any]], status: str, mails: Mails
) -> None:
    job = play(scene)

    assert job["status"] == status, job
    assert list(job)[: len(FIELDS)] == list(FIELDS)
    assert {name for name, form in FIELDS.items() if not re.fullmatch(form, job[name])} == set()
    assert re.fullmatch(REASONS[status], job["reason"]), job["reason"]
    assert job["recordsRejected"].isdigit()
    assert (type(job["percentComplete"]), type(job["links"])) == (int, list)
    assert UUID(job["jobId"])
    scene.liquid.cancel(job["jobId"])
    ended = scene.liquid.wait_for_end(job["jobId"])
    assert status in (ended["status"], *(set(REASONS) - FINAL))
    [mail] = wait_for(lambda: mails_about(mails, job["jobName"]))
    assert ended["status"].lower() in str(mail["Subject"]).lower()
    assert mail["To"] == "joe@example.com"
    facts = [ended["jobName"], ended["itemType"], ended["reason"], "Run time", *ended["links"]]
    facts += [f"{int(ended['recordsProcessed']):,}", ended["jobId"]]
    assert [fact for text in texts_of(mail) for fact in facts if fact not in text] == []


def test_no_job_was_told_of_twice(liquid: LiquidClient, item_type: str, mails: Mails) -> None:
    fields = {"itemType": item_type, "notificationEmail": "joe@example.com"}
    liquid.start_import("data.json", SMALL, jobName="The last one", **fields)
    wait_for(lambda: mails_about(mails, "The last one"))

    subjects = Counter(str(mail["Subject"]) for mail in mails_about(mails, "Scene ("))

    assert set(subjects.values()) <= {1}
