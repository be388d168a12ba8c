"""An S3 server as tests use it, wherever it runs: one bucket, in which each has a prefix of its own."""

from uuid import uuid4

import httpx
from obstore.store import S3Store

BUCKET = "blocks"


class S3:
    """Reached without a check of keys."""

    def __init__(self, endpoint: str) -> None:
        self.environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "the-key-id",
            "AWS_SECRET_ACCESS_KEY": "the-secret-key",
        }

    def make_bucket(self) -> None:
        address = f"{self.environment['AWS_ENDPOINT_URL']}/{BUCKET}"
        httpx.put(address, timeout=60, trust_env=False).raise_for_status()

    def new_url(self) -> str:
        """What STORAGE_URL may be: a prefix that nobody else uses."""
        return f"s3://{BUCKET}/{uuid4().hex}/blocks"

    def bucket(self, prefix: str) -> S3Store:
        """The bucket's objects under the prefix."""
        own = self.environment
        return S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=own["AWS_ENDPOINT_URL"],
            region=own["AWS_REGION"],
            access_key_id=own["AWS_ACCESS_KEY_ID"],
            secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )
