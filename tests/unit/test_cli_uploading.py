"""Several uploads at once keep the order of the file, and a repeated one is not doubled."""

import random
import threading
import time
from collections import Counter

import pytest

from api.cli.client import ApiRefused, ApiUnreachable
from api.cli.cutting import Cut
from api.cli.uploading import OrderLost, Uploader


class FakeApi:
    """Numbers a block when its last byte has arrived, as the API does; has mishaps by attempt, from 1."""

    def __init__(self, mishaps=None):
        self.blocks = []
        self.wait = time.sleep
        self.most_at_once = 0
        self.attempts = Counter()
        self.refused = None
        self._at_once = 0
        self._mishaps = mishaps or {}
        self._lock = threading.Lock()

    def add_block(self, import_id, body, headers):
        with self._lock:
            self.attempts[headers["Content-Digest"]] += 1
            mishap = self._mishaps.get(self.attempts.total())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._receive(body, headers, mishap)
        finally:
            with self._lock:
                self._at_once -= 1

    def get_import(self, import_id):
        return {"blockCount": len(self.blocks)}

    def _receive(self, body, headers, mishap):
        if mishap == "refused":
            self.refused = int(next(body).split()[0])
            raise ApiRefused("no")
        if mishap == "lost before it arrived":
            raise ApiUnreachable("gone")
        received = bytearray()
        for piece in body:
            received += piece
        assert len(received) == int(headers["Content-Length"])
        with self._lock:
            if mishap == "somebody else was first":
                self.blocks.append(b"foreign")
            self.blocks.append(bytes(received))
            number = len(self.blocks)
        if mishap == "answer lost":
            raise ApiUnreachable("gone")
        return number


def some_blocks(count):
    chance = random.Random(count)
    return [Cut(b"%d " % number + b"x" * chance.randrange(200_000), 1) for number in range(count)]


def upload(api, blocks, sent=None):
    counted = sent if sent is not None else []
    return Uploader(api, 1, parallel=4, on_sent=counted.append).send(blocks)


def test_blocks_are_stored_in_order_though_several_travel_at_once():
    api = FakeApi()
    blocks = some_blocks(100)

    count = upload(api, blocks)

    assert count == 100
    assert api.blocks == [block.body for block in blocks]
    assert api.most_at_once > 1


@pytest.mark.parametrize("attempt", [1, 2, 5])
@pytest.mark.parametrize("mishap", ["lost before it arrived", "answer lost"])
def test_a_connection_lost_neither_loses_nor_doubles_a_block(mishap, attempt):
    api = FakeApi({attempt: mishap})
    blocks = some_blocks(8)
    sent = []

    upload(api, blocks, sent)

    assert api.blocks == [block.body for block in blocks]


def test_bytes_sent_again_are_counted_once():
    api = FakeApi({2: "lost before it arrived"})
    blocks = some_blocks(4)
    sent = []

    upload(api, blocks, sent)

    assert sum(sent) == sum(len(block.body) for block in blocks)


def test_a_refused_block_ends_the_upload_and_no_later_one_is_stored():
    api = FakeApi({3: "refused"})
    blocks = some_blocks(8)

    with pytest.raises(ApiRefused):
        upload(api, blocks)

    assert api.blocks == [block.body for block in blocks[: api.refused]]
    assert max(api.attempts.values()) == 1, "nothing is tried again, which would take seconds"


def test_a_block_stored_under_another_number_is_noticed():
    api = FakeApi({2: "somebody else was first"})

    with pytest.raises(OrderLost):
        upload(api, some_blocks(4))


def test_no_blocks_are_no_upload():
    assert upload(FakeApi(), []) == 0
