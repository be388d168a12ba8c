"""An API that is killed while a file comes in: repeated under its jobId, the upload is one job in the end."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.processes import kill
from tests.acceptance.waiting import wait_for

ITEMS = [b'{"accountId":"%d","name":"%b"}\n' % (n, b"x" * 200) for n in range(10_000)]


def test_an_upload_is_repeated_until_its_job_is_there(
    liquid: LiquidClient, item_type: str, running_pids: Callable[[str], list[int]]
) -> None:
    """The first repetition was told that its jobId was taken, and a day later there was no such job."""
    fields = {
        "jobId": str(uuid4()),
        "jobName": "in",
        "itemType": item_type,
        "contentType": "application/json",
    }
    told: list[int] = []

    def cut_off() -> Iterator[bytes]:
        yield b"".join(ITEMS[:5_000])
        wait_for(lambda: liquid.find(fields["jobId"]))
        kill(running_pids("api"))
        yield b"".join(ITEMS[5_000:])

    def repeated() -> dict[str, Any] | None:
        try:
            return liquid.start_import("data.json", b"".join(ITEMS), **fields)
        except httpx.HTTPStatusError as error:
            told.append(error.response.status_code)
        except httpx.TransportError:
            pass  # not back yet
        return None

    with pytest.raises(httpx.TransportError):
        liquid.upload(cut_off(), sum(map(len, ITEMS)), **fields)
    job = wait_for(repeated)

    assert set(told) <= {503}
    assert job["jobId"] == fields["jobId"]
    assert liquid.wait_for_end(job["jobId"])["recordsProcessed"] == str(len(ITEMS))
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        liquid.start_import("data.json", b"".join(ITEMS), **fields)
