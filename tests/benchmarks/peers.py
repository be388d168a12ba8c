"""Longshore beside what a user would pick instead: the same documents, this machine, this run.

All of them write documents into an empty place and then the same ones again, every one changed. Slow ones
get fewer documents. The clock runs from the first byte sent or read to the last document written:
processes are up before, except for the one that is a command line, and Longshore's uploads count.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from tests.benchmarks.documents import Document, blocks_of, changed, flat_documents
from tests.benchmarks.environment import NotAvailable, run_module
from tests.benchmarks.figures import Figure, median_ratio
from tests.benchmarks.stack import BOTH, Stack, running_stack

STEPS = ("create", "upsert")
Rates = tuple[float, float]  # documents a second of each step


@dataclass(frozen=True)
class Guarantees:
    """What one gets beside speed."""

    after_a_kill: str
    a_bad_line: str
    power_loss: str

    def columns(self, documents: int) -> dict[str, str]:
        return {
            "documents": f"{documents:,}",
            "after a kill": self.after_a_kill,
            "a bad line": self.a_bad_line,
            "power loss": self.power_loss,
        }


@dataclass(frozen=True)
class Peer:
    """One of `tests.benchmarks.peer`."""

    module: str
    name: str
    share: int  # it gets one of so many documents
    guarantees: Guarantees


LONGSHORE = Guarantees("goes on at the checkpoint", "is rejected alone, with reason", "loses nothing")
PEERS = (
    Peer(
        "sqlite_utils_upsert",
        "sqlite-utils upsert",
        1,
        Guarantees("run it again", "ends it; what is written stays", "loses nothing"),
    ),
    Peer(
        "duckdb_insert",
        "DuckDB reading the file",
        1,
        Guarantees("all or nothing", "ends it; nothing is written", "loses nothing"),
    ),
    Peer(
        "pocketbase_batch",
        "PocketBase, batches of 1,000",
        10,
        Guarantees("run it again", "undoes its batch", "may lose the last batches"),
    ),
    Peer(
        "django_bulk",
        "django-import-export, bulk",
        20,
        Guarantees("all or nothing", "is reported; nothing is written", "loses nothing"),
    ),
    Peer(
        "celery_merge",
        "Celery task, one ORM merge a line",
        20,
        Guarantees("loses the task at work", "undoes its task's 1,000 lines", "loses nothing written"),
    ),
    Peer(
        "kinto_batch",
        "Kinto on Postgres, batches of 25",
        500,
        Guarantees("run it again", "is answered alone, with reason", "loses nothing"),
    ),
)


def peer_figures(*, documents: int, repeats: int) -> list[Figure]:
    flat = list(flat_documents(documents))
    ours: list[Rates] = []
    theirs: dict[Peer, list[Rates]] = {peer: [] for peer in PEERS}
    with running_stack(workers=1) as stack:
        for _ in range(repeats):
            ours.append(_longshore(stack, flat))
            for peer in list(theirs):
                try:
                    theirs[peer].append(_peer(stack, peer, flat[:: peer.share]))
                except NotAvailable as reason:
                    sys.stderr.write(f"{peer.name}: left out. {reason}\n")
                    del theirs[peer]
    figures = _figures("Longshore, one worker", ours, ours, LONGSHORE.columns(documents))
    for peer, rates in theirs.items():
        figures += _figures(peer.name, rates, ours, peer.guarantees.columns(len(flat[:: peer.share])))
    return figures


def _figures(name: str, rates: list[Rates], ours: list[Rates], columns: dict[str, str]) -> list[Figure]:
    return [
        Figure(
            case=f"{name}: {step}",
            value=statistics.median(measured),
            unit="a second",
            note=f"{median_ratio(measured, reference):.3f} of Longshore",
            columns=columns,
        )
        for step, measured, reference in zip(STEPS, _by_step(rates), _by_step(ours), strict=True)
    ]


def _by_step(rates: list[Rates]) -> list[list[float]]:
    return [list(of_step) for of_step in zip(*rates, strict=True)]


def _longshore(stack: Stack, documents: Sequence[Document]) -> Rates:
    collection = stack.new_collection()
    return (
        _imported(stack, collection, documents),
        _imported(stack, collection, [changed(document) for document in documents]),
    )


def _imported(stack: Stack, collection: str, documents: Sequence[Document]) -> float:
    """Documents a second, from the first byte of the first block to the end of the import."""
    blocks = list(blocks_of(documents))
    began = time.perf_counter()
    done = stack.run_import(stack.prepare_import(collection, BOTH, blocks))
    seconds = time.perf_counter() - began
    assert done["createdDocuments"] + done["updatedDocuments"] == len(documents), done
    return len(documents) / seconds


def _peer(stack: Stack, peer: Peer, documents: Sequence[Document]) -> Rates:
    with tempfile.TemporaryDirectory(prefix="longshore-peer-") as name:
        folder = Path(name)
        files = [folder / f"{step}.ndjson" for step in STEPS]
        for file, content in zip(files, (documents, map(changed, documents)), strict=True):
            file.write_bytes(b"".join(line + b"\n" for _, line in content))
        database_url = _new_database(stack.description["database_url"], peer.module)
        arguments = [*map(str, files), name, database_url, stack.description["redis_url"]]
        create, upsert = json.loads(run_module(f"tests.benchmarks.peer.{peer.module}", *arguments))
    return len(documents) / create, len(documents) / upsert


def _new_database(server_url: str, name: str) -> str:
    with closing(psycopg2.connect(server_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
