"""An S3 server as tests use it, wherever it runs: one bucket, in which each has a prefix of its own."""

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from obstore.store import S3Store

URL = "s3://blocks"


class S3:
    """A bucket, or what is under a prefix of it, and what has a process reach it."""

    def __init__(self, environment: Mapping[str, str], url: str = URL) -> None:
        self.environment = dict(environment)
        self.name = urlsplit(url).netloc
        self._prefix = urlsplit(url).path.strip("/")

    def new_url(self) -> str:
        """What STORAGE_URL may be: a prefix that nobody else uses."""
        return "/".join(filter(None, ("s3:/", self.name, self._prefix, uuid4().hex, "blocks")))

    def bucket(self, prefix: str) -> S3Store:
        """The bucket's objects under the prefix."""
        own = self.environment
        return S3Store(
            self.name,
            prefix=prefix,
            endpoint=own["AWS_ENDPOINT_URL"],
            region=own["AWS_REGION"],
            access_key_id=own["AWS_ACCESS_KEY_ID"],
            secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )


def at(endpoint: str) -> dict[str, str]:
    """The environment of who uses a server that checks no keys, as moto's does not."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "the-key-id",
        "AWS_SECRET_ACCESS_KEY": "the-secret-key",
    }


def make_bucket(s3: S3) -> None:
    """Have an empty one on such a server."""
    address = f"{s3.environment['AWS_ENDPOINT_URL']}/{s3.name}"
    httpx.put(address, timeout=60, trust_env=False).raise_for_status()
