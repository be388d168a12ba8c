"""PocketBase on its SQLite: PUTs of records, a thousand in one batch request."""

import subprocess
import sys
from pathlib import Path

import requests

from tests.benchmarks.peer.serving import free_port, serving
from tests.benchmarks.peer.timing import LAST_VISITS, Task, documents_in, given_task, tell

BATCH = 1000
EMAIL, PASSWORD = "bench@example.org", "of-the-bench-only"
RECORDS = "/api/collections/contacts/records"
FIELDS = [
    {"name": "id", "type": "text", "primaryKey": True, "required": True, "system": True, "max": 100}
    | {"pattern": "^[a-z0-9-]+$"},
    *({"name": name, "type": "text"} for name in ("name", "address", "phone", "email")),
    {"name": "active", "type": "bool"},
    {"name": "visits", "type": "number"},
]


def main() -> None:
    task = given_task()
    program = str(Path(sys.executable).with_name("pocketbase"))
    place = ["--dir", str(task.folder / "pocketbase")]
    make_account = [program, "superuser", "upsert", EMAIL, PASSWORD, *place]
    subprocess.run(make_account, check=True, stdout=subprocess.DEVNULL)
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    with serving([program, "serve", "--http", address, *place], task.folder, awaited_url=f"{url}/api/health"):
        _measure(task, url)


def _measure(task: Task, url: str) -> None:
    session = _session(url)

    def write(file: Path) -> None:
        for documents in documents_in(file, BATCH):
            session.post(f"{url}/api/batch", json={"requests": list(map(_put, documents))}).raise_for_status()

    def changed_documents() -> int:
        query = {"filter": f"visits={LAST_VISITS}", "perPage": "1"}
        return int(session.get(url + RECORDS, params=query).json()["totalItems"])

    tell(task, write, changed_documents)


def _session(url: str) -> requests.Session:
    """Of a superuser, with the collection made and batches allowed."""
    session = requests.Session()
    login = {"identity": EMAIL, "password": PASSWORD}
    answer = session.post(f"{url}/api/collections/_superusers/auth-with-password", json=login)
    session.headers["Authorization"] = answer.json()["token"]
    allowed = {"batch": {"enabled": True, "maxRequests": BATCH, "timeout": 60}}
    session.patch(f"{url}/api/settings", json=allowed).raise_for_status()
    contacts = {"name": "contacts", "type": "base", "fields": FIELDS}
    session.post(f"{url}/api/collections", json=contacts).raise_for_status()
    return session


def _put(document: dict[str, object]) -> dict[str, object]:
    body = {name: value for name, value in document.items() if name != "documentid"}
    return {"method": "PUT", "url": RECORDS, "body": body | {"id": document["documentid"]}}


if __name__ == "__main__":
    main()
