"""Makes the bucket of STORAGE_URL, unless it is there. fleet.sh runs it for the fleet's own store."""

import os
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from shared.storage.access import BucketAccess
from shared.storage.signing import sign

RETRIES = 7  # each after twice the time of the one before: a minute for the store to come up
ANSWER_SECONDS = 60


def make_bucket(name: str, access: BucketAccess) -> None:
    """Safe to call again. Raises httpx.HTTPError."""
    request = httpx.Request("PUT", f"{access.endpoint}/{name}")
    sign(request, access, region=access.region or "us-east-1", at=datetime.now(UTC))
    with httpx.Client(transport=httpx.HTTPTransport(retries=RETRIES), timeout=ANSWER_SECONDS) as client:
        answer = client.send(request)
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


if __name__ == "__main__":
    make_bucket(urlsplit(os.environ["STORAGE_URL"]).netloc, BucketAccess.read(os.environ))
