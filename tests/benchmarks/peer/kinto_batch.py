"""Kinto on Postgres: PUTs of records, as many in one batch request as it takes by default."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import requests

from tests.benchmarks.peer.serving import free_port, serving
from tests.benchmarks.peer.timing import LAST_VISITS, Task, documents_in, given_task, tell

BATCH = 25
SETTINGS = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}

[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {url}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {url}
kinto.cache_backend = kinto.core.cache.memory
kinto.userid_hmac_secret = of-the-bench
multiauth.policies = basicauth
kinto.bucket_create_principals = system.Everyone
"""


def main() -> None:
    task = given_task()
    port = free_port()
    settings = task.folder / "kinto.ini"
    settings.write_text(SETTINGS.format(port=port, url=task.database_url.replace("%", "%%")))
    kinto = str(Path(sys.executable).with_name("kinto"))
    subprocess.run([kinto, "migrate", "--ini", str(settings)], check=True, capture_output=True)
    url = f"http://127.0.0.1:{port}/v1/"
    with serving([kinto, "start", "--ini", str(settings)], task.folder, awaited_url=url):
        _measure(task, url)


def _measure(task: Task, url: str) -> None:
    session = requests.Session()
    session.auth = ("anybody", "of-the-bench")
    for path in ("buckets/bench", "buckets/bench/collections/contacts"):
        session.put(url + path).raise_for_status()

    def write(file: Path) -> None:
        for documents in documents_in(file, BATCH):
            answer = session.post(f"{url}batch", json={"requests": [_put(one) for one in documents]})
            answers = answer.json()["responses"]
            assert all(one["status"] in {200, 201} for one in answers), answers[0]

    def changed_documents() -> int:
        found = session.head(f"{url}buckets/bench/collections/contacts/records?visits={LAST_VISITS}")
        return int(found.headers["Total-Objects"])

    tell(task, write, changed_documents)


def _put(document: dict[str, object]) -> dict[str, object]:
    path = f"/buckets/bench/collections/contacts/records/{quote(str(document['documentid']))}"
    return {"method": "PUT", "path": path, "body": {"data": document}}


if __name__ == "__main__":
    main()
