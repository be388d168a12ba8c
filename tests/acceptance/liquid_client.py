"""A client of the Liquid Decisions API that speaks as the vendor's published examples do."""

import time
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import httpx

from shared.jobs import FINAL
from tests.acceptance.client import LOOK_SECONDS

DEADLINE_SECONDS = 180.0
_BOUNDARY = "4f8b1f4c2f6e4d6b8a1d3c5e7f901234"


class LiquidClient:
    """One user's way to the batch API."""

    def __init__(self, url: str, *, email: str, password: str, community: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.token(email, password, community)

    def close(self) -> None:
        self._http.close()

    def token(self, email: str, password: str, community: str) -> None:
        """Log in, without a client's own credentials, as the Java example does."""
        form = {
            "grant_type": "password",
            "username": email,
            "password": password,
            "scope": f"community={community}",
        }
        answer = self._http.post("/ls/api/oauth2/token", data=form)
        self._http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def start_import(
        self, name: str, content: bytes, *, template: str | None = None, **fields: str
    ) -> dict[str, Any]:
        """Upload a file; unset options are absent."""
        files = [("file", (name, content, fields.get("contentType", "application/json"), {"Expires": "0"}))]
        if template is not None:
            part = ("template.vm", template.encode(), "application/json", {"Expires": "0"})
            files.append(("template", part))
        answer = self._http.post("/ls/api/batch/import", data=fields, files=files)
        return dict(answer.raise_for_status().json())

    def upload(self, file: Iterable[bytes], size_bytes: int, **fields: str) -> dict[str, Any]:
        """Upload a file of that size piece by piece, as it is given."""
        head, tail = _around_file(fields)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Content-Length": str(len(head) + size_bytes + len(tail)),
        }
        answer = self._http.post("/ls/api/batch/import", content=chain([head], file, [tail]), headers=headers)
        return dict(answer.raise_for_status().json())

    def start_export(self, **fields: str) -> dict[str, Any]:
        return dict(self._http.post("/ls/api/batch/export", data=fields).raise_for_status().json())

    def find(self, job_id: str) -> dict[str, Any] | None:
        """The job; None where there is none yet."""
        answer = self._http.post("/ls/api/batch/status", data={"jobId": job_id})
        return None if answer.status_code == httpx.codes.NOT_FOUND else dict(answer.raise_for_status().json())

    def status(self, job_id: str) -> dict[str, Any]:
        return dict(self._http.post("/ls/api/batch/status", data={"jobId": job_id}).raise_for_status().json())

    def cancel(self, job_id: str) -> dict[str, Any]:
        return dict(self._http.post("/ls/api/batch/cancel", data={"jobId": job_id}).raise_for_status().json())

    def rejections(self, job_id: str) -> list[dict[str, Any]]:
        answer = self._http.post("/ls/api/batch/rejections", data={"jobId": job_id})
        return list(answer.raise_for_status().json()["rejections"])

    def wait_for_end(self, job_id: str, *, look_seconds: float = LOOK_SECONDS) -> dict[str, Any]:
        """The job as soon as its status is final."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (job := self.status(job_id))["status"] not in FINAL:
            assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS} s in vain: {job}"
            time.sleep(look_seconds)
        return job

    def download(self, url: str) -> bytes:
        """A file behind a link, fetched as anybody could."""
        answer = httpx.get(url, timeout=60, trust_env=False)
        return answer.raise_for_status().content


def _around_file(fields: Mapping[str, str]) -> tuple[bytes, bytes]:
    """What stands before and behind the file in the body of an upload."""
    form = [f'name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts = [*form, 'name="file"; filename="data.json"\r\nContent-Type: application/json\r\n\r\n']
    lines = [f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {part}" for part in parts]
    return "\r\n".join(lines).encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
