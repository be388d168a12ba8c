"""The vendor's example programs, call for call: each logs in anew, makes its calls, and returns the answer.

They use the library that the originals use, so that what is not set, what is no text, and a file's part
travel exactly as they do from there.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

PAGE = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a program is started with; what was not given is None, as their parser leaves it."""

    host_url: str
    user_id: str
    password: str
    community: str
    client_id: str | None = None
    client_secret: str | None = None
    notification_email: str | None = None
    job_name: str | None = None
    item_type: str | None = None
    content_type: str | None = None
    file: str | None = None
    template: str | None = None
    merge: object = None
    header_row: object = None
    sql_query: str | None = None
    filters: object = 0
    job_id: str | None = None


def post(options: Options, path: str, **request: Any) -> requests.Response:
    """A call to the service, by no proxy that this machine may have."""
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{options.host_url}/ls/api/{path}", timeout=60, **request)


def get(options: Options, path: str, **request: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{options.host_url}/ls/api/{path}", timeout=60, **request)


def oauth2_token(options: Options) -> str:
    """The Python programs' login: with a client's credentials, where there are any."""
    form = {
        "grant_type": "password",
        "client_id": options.client_id,
        "client_secret": options.client_secret,
        "username": options.user_id,
        "password": options.password,
        "scope": "community=" + options.community,
    }
    return str(json.loads(post(options, "oauth2/token", data=form).text)["access_token"])


def oauth2_example(options: Options) -> tuple[bool, bool]:
    """The Java program: logs in without a client, then asks whether that token is valid, and another one."""
    form = {
        "grant_type": "password",
        "username": options.user_id,
        "password": options.password,
        "scope": "community=" + options.community,
    }
    answer = post(options, "oauth2/token", data=form)
    token = json.loads(answer.text)["access_token"] if answer.status_code == 200 else None
    return _is_valid(options, token), _is_valid(options, "an_invalid_token")


def token_info(options: Options, community: str) -> Any:
    """The web program: logs in without a community, chooses one, and asks whose token it has then."""
    form = {"grant_type": "password", "username": options.user_id, "password": options.password}
    token = json.loads(post(options, "oauth2/token", data=form).text)["access_token"]
    headers = {"Authorization": "Bearer " + token, "X-LiquidPlatform-community": community}
    post(options, "oauth2/setCommunity", headers=headers, data={"community": community}).raise_for_status()
    return json.loads(post(options, "oauth2/tokenInfo", headers=headers, data={}).text)


def batch_import(options: Options) -> Any:
    """Uploads a file, and a template where it has the path of one. Both are named by their paths."""
    headers = {"Authorization": "Bearer " + oauth2_token(options)}
    form = {
        "notificationEmail": options.notification_email,
        "jobName": options.job_name,
        "contentType": options.content_type,
        "itemType": options.item_type,
        "merge": options.merge,
        "headerRow": options.header_row,
    }
    with ExitStack() as opened:
        files = {
            # Whatever a template is, it is labelled as JSON.
            name: (path, opened.enter_context(Path(path).open("rb")), content_type, {"Expires": "0"})
            for name, path, content_type in (
                ("file", options.file, options.content_type),
                ("template", options.template, "application/json"),
            )
            if path
        }
        return json.loads(post(options, "batch/import", headers=headers, files=files, data=form).text)


def batch_export(options: Options) -> Any:
    """Asks for an export. Filters are the text that Python prints of them; a template is in the form."""
    headers = {"Authorization": "Bearer " + oauth2_token(options)}
    form = {
        "notificationEmail": options.notification_email,
        "jobName": options.job_name,
        "itemType": options.item_type,
        "sqlQuery": options.sql_query,
        "contentType": options.content_type,
        "filters": str(options.filters),
        "template": Path(options.template).read_text() if options.template else "",
    }
    return json.loads(post(options, "batch/export", headers=headers, data=form).text)


def batch_status(options: Options) -> Any:
    return _of_job(options, "batch/status")


def batch_cancel(options: Options) -> Any:
    return _of_job(options, "batch/cancel")


def upsert(options: Options) -> Any:
    """Sends a file's items at once."""
    assert options.file is not None
    headers = {"content-type": "application/json", "Authorization": "Bearer " + oauth2_token(options)}
    items = json.loads(Path(options.file).read_text())
    return json.loads(post(options, "items/upsert", data=json.dumps(items), headers=headers).text)


def updates(options: Options, *, processed_after: int = 0) -> list[list[Any]]:
    """Follows what was written since a moment, page by page until one is not full."""
    headers = {"content-type": "application/json", "Authorization": "Bearer " + oauth2_token(options)}
    form: Mapping[str, Any] = {
        "itemType": options.item_type,
        "max": PAGE,
        "processedAfter": processed_after,
    }
    pages: list[list[Any]] = []
    while True:
        # The form is announced as JSON, which it is not.
        answer = json.loads(post(options, "items/updates", data=form, headers=headers).text)
        pages.append(answer["items"])
        if len(answer["items"]) < PAGE:
            return pages
        form = {**form, "processedAfter": answer["maxProcessedAt"], "lastId": answer["lastId"]}


def _of_job(options: Options, path: str) -> Any:
    headers = {"Authorization": "Bearer " + oauth2_token(options)}
    return json.loads(post(options, path, headers=headers, data={"jobId": options.job_id}).text)


def _is_valid(options: Options, token: str | None) -> bool:
    answer = get(options, "oauth2/validate", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200
