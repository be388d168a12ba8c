"""Blocks through the API, beside what the disk writes and makes durable by itself."""

import hashlib
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from tests.benchmarks.documents import BLOCK_BYTES
from tests.benchmarks.figures import Figure, median_ratio
from tests.benchmarks.reference import disk_rate
from tests.benchmarks.stack import CREATE, Stack, running_stack

CLIENTS = 4
BLOCKS_EACH = 10
BYTES = CLIENTS * BLOCKS_EACH * BLOCK_BYTES
GIB = 1 << 30


def upload_figures(*, documents: int, repeats: int) -> list[Figure]:
    del documents
    block = os.urandom(BLOCK_BYTES)
    with running_stack(workers=1) as stack:
        file = stack.folder / "block"
        file.write_bytes(block)
        disks, uploads, digests, apis = [], [], [], []
        for _ in range(repeats):
            disks.append(disk_rate(stack.folder, block, CLIENTS * BLOCKS_EACH) / 2**20)
            digests.append(_digest(block))
            before = stack.processor_seconds("api")
            uploads.append(_upload(stack, file))
            apis.append(GIB / BYTES * (stack.processor_seconds("api") - before))
        with stack.watching_memory() as few:
            _upload(stack, file, blocks_each=1)
        with stack.watching_memory() as many:
            _upload(stack, file)
    return [
        Figure(
            case=f"upload of 20 MiB blocks, {CLIENTS} clients",
            value=median_ratio(uploads, disks),
            unit="of the disk's write and fsync",
            at_least=0.5,
            note=f"{statistics.median(uploads):,.0f} beside {statistics.median(disks):,.0f} MiB/s",
        ),
        Figure(
            case="processor time of the API for these bytes",
            value=median_ratio(apis, digests),
            unit="of that of their SHA-256 alone",
            below=12,
            note=f"{statistics.median(apis):.1f} beside {statistics.median(digests):.1f} core seconds a GiB",
        ),
        Figure(
            case=f"API memory with {CLIENTS * BLOCKS_EACH} blocks uploaded",
            value=many["api"] / few["api"],
            unit=f"of that with {CLIENTS}",
            below=1.1,
            note=f"{many['api'] / 2**20:.0f} MB",
        ),
    ]


def _digest(block: bytes) -> float:
    """Seconds of a core for each GiB."""
    began = time.process_time()
    for _ in range(CLIENTS * BLOCKS_EACH):
        hashlib.sha256(block)
    return GIB / BYTES * (time.process_time() - began)


def _upload(stack: Stack, file: Path, *, blocks_each: int = BLOCKS_EACH) -> float:
    path = stack.prepare_import(stack.new_collection(), CREATE, [])

    def be_a_client(_: int) -> None:
        for _ in range(blocks_each):
            _send(stack, f"{path}/blocks", file)

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(be_a_client, range(CLIENTS)))
    return CLIENTS * blocks_each * BLOCK_BYTES / 2**20 / (time.perf_counter() - began)


def _send(stack: Stack, path: str, file: Path) -> None:
    """By the kernel, so that the client takes no time that the API could use."""
    connection = HTTPConnection(stack.client.base_url.host, stack.client.base_url.port)
    connection.putrequest("POST", path)
    headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(BLOCK_BYTES)}
    for name, value in (stack.authorization | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    with file.open("rb") as source:
        connection.sock.sendfile(source)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()
