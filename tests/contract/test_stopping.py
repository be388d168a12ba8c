"""An API that is told to stop lets its load balancer know first, and answers what still comes meanwhile."""

import os
import signal
from collections.abc import Mapping

import httpx

from tests.acceptance.waiting import wait_for
from tests.contract.conftest import IMPORTS, Caller
from tests.serving import Served, gunicorn

DRAIN_SECONDS = 3.0


def is_leaving(served: Served) -> bool:
    answer = httpx.get(f"{served.url}/health/ready", timeout=30, trust_env=False)
    return answer.status_code == 503 and answer.json()["invalid-params"][0]["name"] == "stopping"


def create_import(served: Served, call: Caller) -> httpx.Response:
    headers = {"Host": f"{call.service.name}.localhost", "Authorization": f"Bearer {call.token}"}
    body = {"strategy": ["create"], "collection": "/contacts"}
    return httpx.post(f"{served.url}{IMPORTS}", json=body, headers=headers, timeout=30, trust_env=False)


def test_an_api_that_is_told_to_stop_is_not_ready_and_goes_on_answering(
    environment: Mapping[str, str], call: Caller
):
    with gunicorn(environment | {"LONGSHORE_DRAIN_SECONDS": str(DRAIN_SECONDS)}) as served:
        create_import(served, call)

        os.kill(served.pid, signal.SIGTERM)
        wait_for(lambda: is_leaving(served), seconds=DRAIN_SECONDS)
        answer = create_import(served, call)

    assert answer.status_code == 200
