"""Values as a person reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.mail.wording import duration, moment, one_line, size
from workers.notifying import LONGEST_WAIT_SECONDS, wait_seconds


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0.0 s"),
        (460, "0.5 s"),
        (12_000, "12.0 s"),
        (59_940, "59.9 s"),
        (59_999, "1 min 0 s"),
        (60_000, "1 min 0 s"),
        (125_499, "2 min 5 s"),
        (3_599_999, "1 h 0 min"),
        (12_000_000, "3 h 20 min"),
        (360_000_000, "100 h 0 min"),
    ],
)
def test_a_run_time(milliseconds: int, words: str):
    assert duration(milliseconds) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_500, "1.5 kB"),
        (20_000_000, "20.0 MB"),
        (999_990_000, "1.0 GB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_a_size(size_bytes: int, words: str):
    assert size(size_bytes) == words


def test_a_moment_is_told_in_utc():
    berlin = timezone(timedelta(hours=1))

    assert moment(datetime(2026, 11, 1, 0, 5, tzinfo=berlin)) == "31 October 2026, 23:05 UTC"
    assert moment(datetime(2026, 11, 1, 9, 5, tzinfo=UTC)) == "1 November 2026, 09:05 UTC"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  a \r\n\tb  ", "a b"),
        ("a\x00\x1b\x85\u2029b", "a b"),
        ("\ud800", ""),
        ("1234567890", "1234567890"),
        ("12345678901", "123456789…"),
        ("12345678 901", "12345678…"),
    ],
)
def test_a_text_on_one_line_of_at_most_ten_characters(text: str, line: str):
    assert one_line(text, 10) == line


def test_a_mail_waits_longer_each_time_up_to_a_limit():
    waits = [wait_seconds(attempts) for attempts in (1, 2, 3, 8, 100)]

    assert waits == [15, 30, 60, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]
