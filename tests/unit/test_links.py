"""Tokens of download links: what they say, and that nobody else can say it."""

import base64
import string
from datetime import UTC, datetime, timedelta

import pytest

from shared.links import KEY_BYTES, Link, make_key, make_token, path_of

KEY = b"k" * KEY_BYTES
ENDS = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_token(
    key: bytes = KEY, *, export_id: int = 7, file_number: int = 2, expires_at: datetime = ENDS
) -> str:
    return make_token(key, export_id=export_id, file_number=file_number, expires_at=expires_at)


def test_a_link_says_which_file_and_until_when():
    link = Link.read(a_token())

    assert link is not None
    assert (link.export_id, link.file_number, link.expires_at) == (7, 2, ENDS)
    assert link.is_genuine(KEY)


def test_a_link_of_another_key_is_not_genuine():
    link = Link.read(a_token(make_key()))

    assert link is not None
    assert not link.is_genuine(KEY)


@pytest.mark.parametrize(
    "other",
    [{"export_id": 8}, {"file_number": 1}, {"expires_at": ENDS + timedelta(days=1)}],
)
def test_a_signature_is_good_for_its_own_claim_only(other: dict[str, int]):
    genuine, changed = Link.read(a_token()), Link.read(a_token(**other))  # type: ignore[arg-type]
    assert genuine is not None
    assert changed is not None

    forged = Link(changed.export_id, changed.file_number, changed.expires_at, genuine.signature)

    assert not forged.is_genuine(KEY)


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_part_of_a_signature_is_none(length: int):
    link = Link.read(a_token())
    assert link is not None

    assert not Link(7, 2, ENDS, link.signature[:length]).is_genuine(KEY)


@pytest.mark.parametrize(
    "token", ["", "x", "é", "A" * 5, "../../etc/passwd", "A" * 27, "_" * 80, a_token()[:20], "\0", "%2e"]
)
def test_what_is_no_token_is_read_as_nothing_or_proves_nothing(token: str):
    link = Link.read(token)

    assert link is None or not link.is_genuine(KEY)


@pytest.mark.parametrize("changed", ["{}....", "{}=", " {}", "{}\n", "{}!", "....{}"])
def test_a_token_with_more_around_it_is_none(changed: str):
    assert Link.read(changed.format(a_token())) is None


def test_a_token_that_ends_in_another_character_of_the_same_bits_is_none():
    *_, last = token = a_token()
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

    others = [token[:-1] + other for other in alphabet if other != last]
    same = [other for other in others if _content(other) == _content(token)]

    assert len(same) == 15  # of the last six bits two are the signature's
    assert [Link.read(other) for other in same] == [None] * 15


def _content(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def test_keys_differ():
    assert len({make_key() for _ in range(10)}) == 10


def test_a_token_stands_in_a_path_as_it_is():
    token = a_token()

    assert path_of(token, "Accounts 1.json") == f"/ls/api/batch/download/{token}/Accounts%201.json"
    assert token.replace("-", "").replace("_", "").isalnum()
