"""A bucket as block storage: how S3 is spoken to."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from obstore.store import S3Store

from shared.errors import SettingsInvalid
from shared.storage.access import BucketAccess
from shared.storage.bucket import BucketStorage
from shared.storage.mark import VolumeId
from shared.storage.unfinished import UnfinishedUploads

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

_ENDPOINT = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")

# However S3 fails, a request ends within twice this time, its repetitions included.
REQUEST_SECONDS = 20
_CONNECT_SECONDS = 5
_RETRIES: "RetryConfig" = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=REQUEST_SECONDS),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2), "base": 2},
}


def open_bucket(name: str, prefix: str, access: BucketAccess, volume_id: VolumeId) -> BucketStorage:
    """What is kept in the bucket under `prefix`, marked with `volume_id`.

    Raises SettingsInvalid where `access` would send bytes that anybody can read.
    """
    bucket = open_objects(name, prefix, access)
    return BucketStorage(bucket, UnfinishedUploads(bucket, prefix, access), volume_id)


def open_objects(name: str, prefix: str, access: BucketAccess) -> S3Store:
    """All objects under `prefix`, as they are. Raises SettingsInvalid as above."""
    _check_endpoint(access)
    return S3Store(
        name,
        prefix=prefix or None,
        config=_config(access),
        client_options={
            "allow_http": access.allow_http,
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
        },
        retry_config=_RETRIES,
    )


def _check_endpoint(access: BucketAccess) -> None:
    if access.endpoint is None:
        return
    if not _ENDPOINT.fullmatch(access.endpoint):
        raise SettingsInvalid("AWS_ENDPOINT_URL: expected https://host or https://host:port.")
    if access.endpoint.startswith("http://") and not access.allow_http:
        raise SettingsInvalid(
            "AWS_ENDPOINT_URL: begins with http://, so everybody on the way could read the bytes: expected"
            " https://, or AWS_ALLOW_HTTP=true where nobody else is on the way."
        )


def _config(access: BucketAccess) -> "S3Config":
    """What is not here, the client library reads from the environment; an empty endpoint there breaks it."""
    region = access.region or "us-east-1"
    given = {
        # It stands above the other names of the endpoint.
        "aws_endpoint_url_s3": access.endpoint or f"https://s3.{region}.amazonaws.com",
        # Whoever gives an endpoint says by AWS_VIRTUAL_HOSTED_STYLE_REQUEST whether it names the bucket.
        "virtual_hosted_style_request": None if access.endpoint else False,
        "region": region,
        "access_key_id": access.access_key_id,
        "secret_access_key": access.secret_access_key,
        "session_token": access.session_token,
    }
    return cast("S3Config", {name: value for name, value in given.items() if value is not None})
