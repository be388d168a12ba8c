"""How a block's body may travel, and that nothing remains of one that did not arrive well."""

import base64
import gzip
import hashlib
import os
from typing import Any

import pytest
from backports import zstd

from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller
from tests.storages import folder_of

LINES = b'{"documentid":"1","name":"Jos\xc3\xa9"}\n{"documentid":"2"}\n'
LIMIT_BYTES = 20 * 1024 * 1024


def digest_of(body: bytes, algorithm: str = "sha-256") -> str:
    value = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def zstd_with_window(window_log: int) -> bytes:
    """`LINES` in a frame whose decoder must hold 2 ** window_log bytes."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    return compressor.compress(LINES) + compressor.flush()


def stored_files(settings: Settings, import_id: int) -> list[str]:
    """Names of what block storage holds of the import, unfinished files included."""
    folder = folder_of(settings.storage_url) / str(import_id)
    return os.listdir(folder) if folder.exists() else []


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(LINES)),
        ("x-gzip", gzip.compress(LINES)),
        ("gzip", gzip.compress(LINES[:10]) + gzip.compress(LINES[10:])),
        ("zstd", zstd.compress(LINES)),
        ("zstd", zstd.compress(LINES[:10]) + zstd.compress(LINES[10:])),
        ("identity", LINES),
    ],
    ids=["gzip", "x-gzip", "gzip in members", "zstd", "zstd in frames", "identity"],
)
def test_an_encoded_body_is_kept_decoded(call: Caller, encoding: str, body: bytes) -> None:
    import_id = call.new_import()

    response = call.add_block(import_id, body, Content_Encoding=encoding)

    assert response.get_json() == {"blockid": 1}
    assert call("GET", f"{IMPORTS}/{import_id}/blocks/1").data == LINES


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(LINES)[:-4]),
        ("gzip", gzip.compress(LINES)[:-8] + b"\0" * 8),
        ("gzip", gzip.compress(LINES) + b"and more"),
        ("gzip", LINES),
        ("zstd", zstd.compress(LINES)[:-2]),
        ("zstd", zstd.compress(LINES) + b"and more"),
        ("zstd", LINES),
        ("zstd", zstd_with_window(24)),
    ],
    ids=["cut", "wrong sum", "trailing bytes", "no gzip", "zstd cut", "zstd trailing", "no zstd", "window"],
)
def test_a_corrupt_body_leaves_nothing(call: Caller, settings: Settings, encoding: str, body: bytes) -> None:
    import_id = call.new_import()

    response = call.add_block(import_id, body, Content_Encoding=encoding)

    assert response.status_code == 400
    reason = f"The body is not complete and correct {encoding}"
    assert response.get_json() == {
        "title": "Invalid content-encoding",
        "status": "400",
        "invalid-params": [{"name": "Content-Encoding", "reason": reason}],
    }
    assert stored_files(settings, import_id) == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_limit_holds_for_the_decoded_bytes(call: Caller, settings: Settings, encoding: str) -> None:
    compress: Any = gzip.compress if encoding == "gzip" else zstd.compress
    import_id = call.new_import()

    fits = call.add_block(import_id, compress(b"x" * LIMIT_BYTES), Content_Encoding=encoding)
    exceeds = call.add_block(import_id, compress(b"x" * (LIMIT_BYTES + 1)), Content_Encoding=encoding)

    assert fits.status_code == 200
    assert exceeds.status_code == 400
    assert exceeds.get_json()["title"] == "Import block too large"
    assert len(stored_files(settings, import_id)) == 1


def test_bytes_that_do_not_compress_may_grow_on_the_wire(call: Caller) -> None:
    body = gzip.compress(os.urandom(LIMIT_BYTES), compresslevel=1)

    response = call.add_block(call.new_import(), body, Content_Encoding="gzip")

    assert len(body) > LIMIT_BYTES
    assert response.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        digest_of(LINES),
        digest_of(LINES, "sha-512"),
        f"{digest_of(LINES)}, {digest_of(LINES, 'sha-512')}",
        "",
        "md5=:AAAA:",
        f"unixsum=:AAAA:, {digest_of(LINES)}",
    ],
)
def test_a_digest_that_matches_or_is_not_known_is_fine(call: Caller, header: str) -> None:
    response = call.add_block(call.new_import(), LINES, Content_Digest=header)

    assert response.get_json() == {"blockid": 1}


def test_the_digest_is_of_the_bytes_on_the_wire(call: Caller) -> None:
    import_id, body = call.new_import(), gzip.compress(LINES)

    of_wire = call.add_block(import_id, body, Content_Encoding="gzip", Content_Digest=digest_of(body))
    of_content = call.add_block(import_id, body, Content_Encoding="gzip", Content_Digest=digest_of(LINES))

    assert (of_wire.status_code, of_content.status_code) == (200, 400)


@pytest.mark.parametrize(
    ("header", "title"),
    [
        (digest_of(b"else"), "Content digest does not match"),
        (f"{digest_of(LINES)}, {digest_of(b'else', 'sha-512')}", "Content digest does not match"),
        ("sha-256=:AAAA:", "Content digest does not match"),
        ("sha-256=0123456789abcdef", "Invalid content-digest"),
        ("sha-256", "Invalid content-digest"),
        ("sha-256=:&:", "Invalid content-digest"),
    ],
)
def test_a_digest_that_does_not_match_leaves_nothing(
    call: Caller, settings: Settings, header: str, title: str
) -> None:
    import_id = call.new_import()

    response = call.add_block(import_id, LINES, Content_Digest=header)

    assert response.status_code == 400
    assert response.get_json()["title"] == title
    assert response.get_json()["invalid-params"][0]["name"] == "Content-Digest"
    assert stored_files(settings, import_id) == []


def test_a_body_that_ends_early_leaves_nothing(call: Caller, settings: Settings) -> None:
    import_id = call.new_import()

    response = call(
        "POST",
        f"{IMPORTS}/{import_id}/blocks",
        data=LINES,
        content_type="application/x-ndjson",
        environ_overrides={"CONTENT_LENGTH": str(len(LINES) + 1)},
    )

    assert response.status_code == 400
    assert response.get_json()["title"] == "Body incomplete"
    assert stored_files(settings, import_id) == []


def test_the_content_type_may_carry_parameters(call: Caller) -> None:
    path = f"{IMPORTS}/{call.new_import()}/blocks"

    response = call("POST", path, data=LINES, content_type="application/x-ndjson; charset=utf-8")

    assert response.get_json() == {"blockid": 1}


def test_head_of_a_block_tells_its_size(call: Caller) -> None:
    import_id = call.new_import()
    call.add_block(import_id, LINES)

    response = call("HEAD", f"{IMPORTS}/{import_id}/blocks/1")

    assert response.content_length == len(LINES)
    assert response.data == b""
