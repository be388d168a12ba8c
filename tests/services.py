"""Where the tests' services come from: the environment's SERVICES says it, once for the session.

`embedded` runs those of the wheels. `containers` starts them in Docker (tests.supplies.containers).
`external` takes a database of its own on the servers that DATABASE_URL and REDIS_URL name, and leaves
nothing there; where they are named, also a prefix of BUCKET_URL, which the AWS_ variables open, and a mail
catcher with Mailpit's API at SMTP_URL and MAIL_PAGE_URL. Without a word it is containers where that can be,
else embedded.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from shared.embedded.services import ServiceUrls, embedded_services
from tests.s3 import S3
from tests.s3_server import s3_server
from tests.supplies.containers import container_mails, container_s3, container_services
from tests.supplies.external import external_mails, external_s3, external_services
from tests.supplies.images import Images, read_images, why_not
from tests.supplies.mails import Mails, folder_mails

KINDS = ("embedded", "containers", "external")
URLS = ("DATABASE_URL", "REDIS_URL")
MAIL_URLS = ("SMTP_URL", "MAIL_PAGE_URL")
BUCKET = ("BUCKET_URL", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
ALL = (*URLS, *MAIL_URLS, *BUCKET, "AWS_ALLOW_HTTP")


@dataclass(frozen=True)
class Services:
    """What was chosen. A supply gives its services while they are in use; files go into its folder."""

    kind: str
    description: str
    supply: Callable[[Path], AbstractContextManager[ServiceUrls]] = embedded_services
    supply_s3: Callable[[Path], AbstractContextManager[S3]] = s3_server
    supply_mails: Callable[[Path], AbstractContextManager[Mails]] = folder_mails


def choose_services(
    environment: MutableMapping[str, str], why_not: Callable[[Images], str | None] = why_not
) -> Services:
    """What the environment asks for. Takes the URLs out of it: nothing that a test starts may find them.

    `why_not` tells what keeps containers of these images from being used. Raises pytest.UsageError.
    """
    kind = environment.get("SERVICES", "")
    urls = {name: environment.pop(name, "") for name in ALL}
    if kind not in ("", *KINDS):
        raise pytest.UsageError(f"SERVICES is {kind!r}; expected is one of: {', '.join(KINDS)}.")
    if kind == "embedded":
        return Services("embedded", "embedded (wheels)")
    if kind == "external":
        return _external(urls)
    return _containers(environment, why_not, is_asked_for=kind == "containers")


def _external(urls: dict[str, str]) -> Services:
    _require(urls, URLS)
    given = ServiceUrls(urls["DATABASE_URL"], urls["REDIS_URL"])
    places = [make_url(given.database_url).render_as_string(hide_password=True)]
    chosen: dict[str, Any] = {}
    if urls["BUCKET_URL"]:
        _require(urls, BUCKET)
        access = {name: urls[name] for name in ALL if name.startswith("AWS_") and urls[name]}
        chosen["supply_s3"] = partial(external_s3, urls["BUCKET_URL"], access)
        places.append(urls["BUCKET_URL"])
    if urls["MAIL_PAGE_URL"]:
        _require(urls, MAIL_URLS)
        chosen["supply_mails"] = partial(external_mails, urls["SMTP_URL"], urls["MAIL_PAGE_URL"])
        places.append(urls["MAIL_PAGE_URL"])
    return Services(
        "external", f"external ({', '.join(places)})", partial(external_services, given), **chosen
    )


def _require(urls: dict[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not urls[name]]
    if missing:
        raise pytest.UsageError(f"SERVICES=external needs {' and '.join(missing)} in the environment.")


def _containers(
    environment: Mapping[str, str], why_not: Callable[[Images], str | None], *, is_asked_for: bool
) -> Services:
    images = read_images(environment)
    reason = why_not(images)
    if reason is None:
        return Services(
            "containers",
            f"containers ({', '.join(images)})",
            partial(container_services, images),
            partial(container_s3, images),
            partial(container_mails, images),
        )
    if is_asked_for:
        raise pytest.UsageError(f"SERVICES=containers: {reason}.")
    return Services("embedded", f"embedded (wheels), because {reason}")
