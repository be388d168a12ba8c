"""Which ids a document may have, and batches cut in halves."""

import pytest

from shared.instructions import (
    Batch,
    Checkpoint,
    Instruction,
    Operation,
    Rejection,
    is_usable_documentid,
    operation_of,
    usable_documentids,
)


@pytest.mark.parametrize(
    "documentid",
    ["1", " ", "a b", "x" * 255, "\U0001f600" * 255, "a.b", "..", "%2F", "\\", '"', "é", "\u2028", "\xa0"],
)
def test_an_id_of_1_to_255_characters_is_usable(documentid: str):
    assert is_usable_documentid(documentid)


@pytest.mark.parametrize(
    "documentid",
    ["", "x" * 256, "/", "a/b", "\0", "a\n", "\t", "\x1f", "\x7f", "\x80", "\x9f", "\ud800", "a\udfff"],
)
def test_an_id_with_a_slash_a_control_character_or_the_wrong_length_is_not(documentid: str):
    assert not is_usable_documentid(documentid)


USABLE = ["1", "a b", "x" * 255, "\U0001f600" * 255, "é"]


def test_usable_ids_are_read_together():
    assert usable_documentids([documentid.encode() for documentid in USABLE]) == USABLE


@pytest.mark.parametrize("documentid", ["", "x" * 256, "/", "a/b", "a\n", "\t", "\x7f", "\x9f"])
def test_of_ids_one_of_which_is_not_usable_none_is_read(documentid: str):
    assert usable_documentids([b"1", documentid.encode(), b"2"]) is None


def test_a_strategy_list_names_an_operation():
    assert operation_of(["update", "create"]) is Operation.MERGE
    assert operation_of(["create"]) is Operation.CREATE
    assert operation_of(["update"]) is Operation.UPDATE


def line(number: int) -> Instruction:
    return Instruction(number, number * 10, 10, Operation.MERGE, str(number), b"{}")


def rejected(number: int) -> Rejection:
    return Rejection(number, number * 10, 10, None, "invalid_json", "broken")


END = Checkpoint(70, 6)


def test_halves_hold_the_same_lines_in_order_and_meet_at_a_checkpoint():
    batch = Batch([line(1), line(3), line(5)], [rejected(2), rejected(4), rejected(6)], END)

    first, second = batch.halves()

    assert first == Batch([line(1)], [rejected(2)], Checkpoint(30, 2))
    assert second == Batch([line(3), line(5)], [rejected(4), rejected(6)], END)


def test_halving_ends_at_batches_of_one_instruction():
    parts = [Batch([line(n) for n in range(1, 7)], [], END)]

    while any(len(part.instructions) > 1 for part in parts):
        parts = [half for part in parts for half in (part.halves() if len(part.instructions) > 1 else [part])]

    assert [part.instructions for part in parts] == [[line(n)] for n in range(1, 7)]
    assert parts[-1].end == END


def test_instructions_of_a_batch_can_become_rejections_in_their_places():
    batch = Batch([line(2), line(4)], [rejected(1), rejected(3)], END)

    refused = batch.with_rejected([line(2)], "refused_by_database", "why")

    expected = Rejection(2, 20, 10, "2", "refused_by_database", "why")
    assert refused == Batch([line(4)], [rejected(1), expected, rejected(3)], END)
