"""A data service of its own for each round, with what is there before."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from sqlalchemy import text

from api.usecases import tokens
from api.usecases.accounts import add_user
from api.usecases.collections import add_collection, list_collections
from api.usecases.services import Service, add_service
from shared.db import retention
from shared.ground import Ground
from tests.faults.batch_customer import BatchCustomer
from tests.faults.batch_orders import KEY
from tests.faults.client import CarefulClient
from tests.faults.customers import UPLOADED
from tests.faults.fleet import Fleet
from tests.faults.orders import Workload

PASSWORD = "correct horse battery staple"
PUT_DOCUMENTS = """
INSERT INTO documents (collection_id, documentid, properties)
SELECT c.id, given.key, given.value::jsonb FROM collections c, json_each_text(CAST(:documents AS json)) given
 WHERE c.service_id = :service_id AND c.path = :path
"""
_TOKEN_SECONDS = 3600
_numbers = count(1)


@contextmanager
def a_community(fleet: Fleet, workload: Workload) -> Iterator[tuple[Service, CarefulClient, BatchCustomer]]:
    """The data service, and a client of each door. Its files are not kept afterwards: disks are small."""
    ground = fleet.ground
    service, secret = add_service(ground, f"round-{next(_numbers)}")
    for batch_order in workload.batch_orders:
        add_collection(ground, service, batch_order.path, key=KEY)
        before = {name: json.dumps(found) for name, found in batch_order.there_before.items()}
        _put(ground, service, batch_order.path, before)
    add_collection(ground, service, UPLOADED)
    for order in workload.orders:
        _put(ground, service, order.collection, order.there_before)
    _put(ground, service, "/Exported", workload.exported)
    email = f"keeper@{service.name}.example.com"
    add_user(ground, email, PASSWORD, [service.name])
    host = f"{service.name}.{ground.settings.base_domain}"
    client = CarefulClient(fleet.api_urls, host, tokens.mint(secret, _TOKEN_SECONDS))
    of_batches = CarefulClient(fleet.api_urls, "localhost", None)
    batch = BatchCustomer(of_batches, email, PASSWORD, service.name)
    yield service, client, batch
    client.close()
    batch.close()
    with ground.database.begin() as session:
        retention.end_keeping_files(session, days=0, limit=len(workload.batch_orders))


def _put(ground: Ground, service: Service, path: str, documents: dict[str, str]) -> None:
    if path not in list_collections(ground, service):
        add_collection(ground, service, path)
    given = {"service_id": service.id, "path": path, "documents": json.dumps(documents)}
    with ground.database.begin() as session:
        session.execute(text(PUT_DOCUMENTS), given)
