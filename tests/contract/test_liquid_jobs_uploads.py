"""Uploads as streams: seen while they come in, cut off, too large, in any order, never held as a whole."""

import io
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from api.usecases.services import Service
from shared.db.models import BatchJob, Block, Import, Notification, StorageGarbage
from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import application
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.contract.test_liquid_jobs_clients import BOUNDARY, file_part, multipart, part

MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()
ITEMS = b'[{"documentid": "1"}]'
FIELDS = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"}


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    return liquid_client(app.test_client(), ground, service)


@pytest.fixture
def small(ground: Ground, service: Service, settings: Settings) -> Iterator[Liquid]:
    """A client of a process that takes files of up to 1 MiB."""
    with application(replace(settings, upload_limit_bytes=1024 * 1024)) as app:
        yield liquid_client(app.test_client(), ground, service)


class Body(io.RawIOBase):
    """A body of an announced size that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes], size_bytes: int) -> None:
        self._pieces = pieces
        self._size_bytes = size_bytes
        self._position = 0  # only asked by the test client, which wants to know the size
        self._held = b""

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = self._size_bytes if whence == os.SEEK_END else offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        self._held = self._held or next(self._pieces, b"")
        taken = self._held[: len(buffer)]
        buffer[: len(taken)] = taken
        self._held = self._held[len(taken) :]
        return len(taken)


def streamed(pieces: Iterator[bytes], size_bytes: int) -> dict[str, Any]:
    """A request whose body is made while it is read."""
    return {"input_stream": Body(pieces, size_bytes), "content_type": MULTIPART}


def meanwhile(
    fields: dict[str, str], act: Callable[[], object], *, is_cut_off: bool = False, behind: bytes = b""
) -> dict[str, Any]:
    """An upload; `act` when the first half of the file has come in, which may be all that comes."""
    head = b"".join(part(name, value.encode()) for name, value in fields.items())
    body = head + file_part("file", "a.json", ITEMS, "application/json") + behind + END
    middle = body.index(ITEMS) + len(ITEMS) // 2

    def pieces() -> Iterator[bytes]:
        yield body[:middle]
        # So much is read ahead that the rest must not be there yet.
        act()
        yield b"" if is_cut_off else body[middle:]

    return streamed(pieces(), len(body))


def counted(ground: Ground, service: Service) -> tuple[int, int]:
    """How many jobs and imports the community has."""
    with ground.database.begin() as session:
        jobs = select(func.count()).where(BatchJob.service_id == service.id)
        imports = select(func.count()).where(Import.service_id == service.id)
        return session.scalars(jobs).one(), session.scalars(imports).one()


def test_a_job_is_initialized_while_its_file_comes_in(liquid: Liquid):
    job_id, seen = str(uuid4()), []
    request = meanwhile({**FIELDS, "jobId": job_id}, lambda: seen.append(liquid.job("status", jobId=job_id)))

    accepted = liquid(f"{BATCH}/import", **request).get_json()

    [initialized] = seen
    assert (initialized["status"], initialized["reason"]) == ("Initialized", "The file is being received")
    assert (accepted["status"], accepted["jobId"]) == ("Accepted", job_id)
    assert liquid.work_off(accepted)["status"] == "Completed"


def test_a_job_is_canceled_while_its_file_comes_in(liquid: Liquid):
    job_id, seen = str(uuid4()), []
    request = meanwhile(
        {**FIELDS, "jobId": job_id}, lambda: seen.append(liquid.job("cancel", jobId=job_id)["status"])
    )

    answered = liquid(f"{BATCH}/import", **request).get_json()

    assert (seen, answered["status"]) == (["Canceled"], "Canceled")
    assert liquid.work_off(answered)["status"] == "Canceled"
    assert liquid.documents() == []


@pytest.mark.parametrize("merge", [b"False", b"perhaps"], ids=["good", "bad"])
def test_of_a_job_that_was_canceled_all_is_known_that_comes_behind_the_file(
    liquid: Liquid, ground: Ground, merge: bytes
):
    """There was no mail, and the job had no name where something else in the form was wrong."""
    job = {"jobId": str(uuid4()), "itemType": "contacts"}
    later = {"jobName": "Later", "contentType": "application/json", "notificationEmail": "joe@example.com"}
    behind = b"".join(part(name, value.encode()) for name, value in later.items()) + part("merge", merge)
    request = meanwhile(job, lambda: liquid.job("cancel", **job), behind=behind)

    told = liquid(f"{BATCH}/import", **request).get_json()

    assert told["status"] == "Canceled"
    assert {name: told[name] for name in later} == later
    row = liquid.row(job)
    with ground.database.begin() as session:
        mail = session.get_one(Notification, row.id)
    assert (mail.recipient, mail.content["job_name"], mail.content["outcome"]) == (
        "joe@example.com",
        "Later",
        "canceled",
    )


def test_a_job_that_was_seen_may_turn_out_to_be_rejected(liquid: Liquid, ground: Ground, service: Service):
    body = multipart(FIELDS, file_part("file", "a", ITEMS, "text/plain"), part("merge", b"perhaps"))

    rejected = liquid(f"{BATCH}/import", **body).get_json()

    assert (rejected["status"], rejected["jobName"]) == ("Rejected", "A job")
    assert counted(ground, service) == (1, 0)


def test_an_id_is_good_for_one_job(liquid: Liquid):
    job_id = str(uuid4())
    liquid.upload(ITEMS, jobId=job_id)

    form = {**FIELDS, "jobId": job_id, "file": (io.BytesIO(ITEMS), "a.json")}
    again = liquid(f"{BATCH}/import", data=form)
    unusable = liquid(f"{BATCH}/import", data=form | {"jobId": "1", "file": (io.BytesIO(ITEMS), "a.json")})

    assert (again.status_code, again.get_json()["error"]) == (409, "invalid_request")
    assert (unusable.status_code, unusable.get_json()["error"]) == (400, "invalid_request")


def test_an_id_under_which_a_file_comes_in_may_be_asked_for_again(liquid: Liquid):
    """It may be a repeated request whose first one broke off: 409 would tell that the file is there."""
    fields = {**FIELDS, "jobId": str(uuid4())}
    form = fields | {"file": (io.BytesIO(ITEMS), "a.json")}
    answers = []
    request = meanwhile(fields, lambda: answers.append(liquid(f"{BATCH}/import", data=form)))

    accepted = liquid(f"{BATCH}/import", **request).get_json()

    [again] = answers
    assert (again.status_code, again.get_json()["error"]) == (503, "temporarily_unavailable")
    assert "under this jobId" in again.get_json()["error_description"]
    assert 1 <= int(again.headers["Retry-After"]) <= 10
    assert accepted["status"] == "Accepted"


@pytest.mark.parametrize("fields", [{}, {"itemType": "Nothing"}], ids=["accepted", "rejected"])
def test_an_export_can_be_given_an_id_too(liquid: Liquid, fields: dict[str, str]):
    """So that a client whose answer was lost may ask again, and does not get two."""
    form = {"itemType": "contacts", "contentType": "application/json", "jobId": str(uuid4()), **fields}

    first = liquid(f"{BATCH}/export", data=form)
    again = liquid(f"{BATCH}/export", data=form)

    assert (first.status_code, first.get_json()["jobId"]) == (200, form["jobId"])
    assert (again.status_code, again.get_json()["error"]) == (409, "invalid_request")


def test_fields_may_come_behind_the_file(liquid: Liquid):
    fields = [part(name, value.encode()) for name, value in FIELDS.items()]
    body = multipart({}, file_part("file", "a.json", ITEMS, "application/json"), *fields)

    accepted = liquid(f"{BATCH}/import", **body).get_json()

    assert accepted["status"] == "Accepted"
    assert liquid.work_off(accepted)["recordsProcessed"] == "1"


@pytest.mark.parametrize("merge", [b"False", b"perhaps"], ids=["accepted", "rejected"])
@pytest.mark.parametrize("order", list(permutations(("itemType", "jobId", "file"))), ids=" ".join)
def test_an_id_is_good_for_one_job_wherever_it_stands(liquid: Liquid, order: tuple[str, ...], merge: bytes):
    """Behind the file it was ignored where the item type stood before it: a repeated request, whose first
    answer was lost, applied the file again."""
    job_id = str(uuid4())
    parts = {
        "itemType": part("itemType", b"contacts"),
        "jobId": part("jobId", job_id.encode()),
        "file": file_part("file", "a.json", ITEMS, "application/json"),
    }
    body = multipart({"jobName": "A job"}, *(parts[name] for name in order), part("merge", merge))

    first = liquid(f"{BATCH}/import", **body).get_json()
    again = liquid(f"{BATCH}/import", **body)

    assert first["jobId"] == job_id
    assert liquid.status(first) == first
    assert again.status_code == 409


@pytest.mark.parametrize("itemtype_first", [True, False])
@pytest.mark.parametrize("cut_bytes", [1, 20, 40, 60, 100, 150])
def test_an_upload_that_is_cut_off_leaves_nothing(
    liquid: Liquid, ground: Ground, service: Service, cut_bytes: int, itemtype_first: bool
):
    body: bytes = multipart(
        FIELDS if itemtype_first else {},
        file_part("file", "a.json", ITEMS, "application/json"),
        file_part("template", "t", b"x" * 20, "application/json"),
    )["data"]

    response = liquid(f"{BATCH}/import", **streamed(iter([body[:-cut_bytes]]), len(body)))

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
    assert counted(ground, service) == (0, 0)


def test_what_was_stored_of_an_upload_that_is_cut_off_is_garbage(liquid: Liquid, ground: Ground):
    body: bytes = multipart(FIELDS, file_part("file", "a.json", ITEMS, "application/json"))["data"]
    with ground.database.begin() as session:
        before = session.scalars(select(func.count()).select_from(StorageGarbage)).one()

    liquid(f"{BATCH}/import", **streamed(iter([body[:-4]]), len(body)))

    with ground.database.begin() as session:
        assert session.scalars(select(func.count()).select_from(StorageGarbage)).one() == before + 1


def test_a_job_that_was_canceled_stays_so_where_its_upload_is_cut_off(liquid: Liquid, ground: Ground):
    """Who cancels an upload hangs up, and asked for a job that nobody knew any more; nor was there a mail."""
    job = {"jobId": str(uuid4()), "notificationEmail": "joe@example.com"}
    canceled: list[dict[str, Any]] = []
    request = meanwhile(FIELDS | job, lambda: canceled.append(liquid.job("cancel", **job)), is_cut_off=True)

    response = liquid(f"{BATCH}/import", **request)

    assert response.status_code == 400
    assert [liquid.status(job)] == canceled
    row = liquid.row(job)
    with ground.database.begin() as session:
        assert session.get_one(Notification, row.id).recipient == "joe@example.com"
        assert session.get_one(StorageGarbage, row.import_id)
        assert session.get_one(Import, row.import_id).bytes_removed_at is not None


@pytest.mark.parametrize("is_longer_still", [True, False])
def test_an_upload_beyond_the_limit(small: Liquid, ground: Ground, service: Service, is_longer_still: bool):
    file = file_part("file", "a.json", b"x" * (1024 * 1024 + 1), "application/json")
    slack = b"y" * 400_000 if is_longer_still else b""
    request = multipart(FIELDS, file, part("template", slack))

    response = small(f"{BATCH}/import", **request)

    assert (response.status_code, response.get_json()["error"]) == (413, "invalid_request")
    told = response.get_json()["error_description"]
    assert told.startswith("The file is larger than 1048576 bytes, the most that is taken: send it in parts.")
    assert told.endswith("LONGSHORE_UPLOAD_LIMIT_BYTES.")
    assert counted(ground, service) == (0, 0)


def test_a_field_beyond_the_limit(liquid: Liquid, ground: Ground, service: Service):
    file = file_part("file", "a.json", ITEMS, "application/json")
    request = multipart(FIELDS, file, part("template", b"x" * 300_000))

    response = liquid(f"{BATCH}/import", **request)

    told = "The parameter template has more than 262144 bytes, the most it may have."
    assert (response.status_code, response.get_json()["error_description"]) == (413, told)
    assert counted(ground, service) == (0, 0)


def test_two_files_are_one_too_many(liquid: Liquid, ground: Ground, service: Service):
    file = file_part("file", "a.json", ITEMS, "application/json")

    assert liquid(f"{BATCH}/import", **multipart(FIELDS, file, file)).status_code == 400
    assert counted(ground, service) == (0, 0)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/csv", 415),
        ("application/octet-stream", 415),
        ("multipart/form-data", 415),
        (f"multipart/form-data; boundary=another{BOUNDARY}", 400),
    ],
)
def test_a_body_that_is_no_form_with_a_file(liquid: Liquid, content_type: str, status: int):
    request = multipart(FIELDS, file_part("file", "a.json", ITEMS, "application/json"))

    response = liquid(f"{BATCH}/import", **request | {"content_type": content_type})

    assert (response.status_code, response.get_json()["error"]) == (status, "invalid_request")


@pytest.mark.parametrize(
    "content",
    [b"\r\n" * 100_000, b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n", b"--" * 70_000, b"\r" * 70_001],
)
def test_a_file_is_kept_byte_by_byte(liquid: Liquid, ground: Ground, content: bytes):
    job = liquid.upload(b"x" + content)

    import_id = liquid.row(job).import_id
    with ground.database.begin() as session:
        key = session.get_one(Block, (import_id, 0)).storage_key
    with ground.storage.open(key) as file:
        assert file.read() == b"x" + content


def test_memory_does_not_grow_with_the_file(liquid: Liquid):
    piece, count = b"x" * 65_536, 3_000
    head = b"".join(part(name, value.encode()) for name, value in FIELDS.items())
    file = file_part("file", "a.json", b"", "application/json")[:-2]
    size_bytes = len(head) + len(file) + len(piece) * count + 2 + len(END)

    def pieces() -> Iterator[bytes]:
        yield head + file
        for _ in range(count):
            yield piece
        yield b"\r\n" + END

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    accepted = liquid(f"{BATCH}/import", **streamed(pieces(), size_bytes)).get_json()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert accepted["status"] == "Accepted"
    assert grown_kib < 32 * 1024
