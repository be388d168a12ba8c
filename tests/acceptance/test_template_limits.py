"""Templates that go over a limit end their job, and rows that do not fit end nothing; seen over HTTP."""

import json

import pytest

from tests.acceptance.jobs import exported, imported
from tests.acceptance.liquid_client import LiquidClient

ROWS = 3
BATCH_LINES = 8_000  # of a stack that is told nothing else
GOOD = "".join(f"A{n},x,1\n" for n in range(ROWS))
ITEM = '{"accountId":"$c1"}\n'
BEYOND = {
    "steps": ("\n#foreach($n in [1..600000])#end", "it takes more than 500000 steps, the limit for one item"),
    "size": (
        '\n#foreach($n in [1..5000])"' + "x" * 1000 + '"#end',
        "it writes more than 4194304 characters, the limit for one item",
    ),
}
limits = pytest.mark.parametrize(("beyond", "cause"), BEYOND.values(), ids=BEYOND)


@limits
def test_an_import_beyond_a_limit_is_rejected_by_line_and_cause(
    liquid: LiquidClient, item_type: str, beyond: str, cause: str
) -> None:
    template = f'#if ($c2 == "much"){beyond}#end\n{ITEM}'
    # As many rows as a batch has, so that they are applied before the one that goes over the limit.
    rows = "".join(f"A{n},little\n" for n in range(BATCH_LINES)) + "B,much\nC,little\n"

    job = imported(liquid, item_type, rows.encode(), contentType="text/plain", template=template)

    assert job["status"] == "Rejected"
    assert job["reason"].startswith(f"The job was stopped: Template line 2: {cause}")
    assert job["reason"].endswith(f"Done until then: {BATCH_LINES} created")
    assert (job["recordsProcessed"], job["recordsRejected"]) == (str(BATCH_LINES), "0")
    assert len(json.loads(exported(liquid, item_type))) == BATCH_LINES


@limits
def test_an_export_beyond_a_limit_is_rejected_by_line_and_cause(
    liquid: LiquidClient, item_type: str, beyond: str, cause: str
) -> None:
    imported(liquid, item_type, GOOD.encode(), contentType="text/plain", template=ITEM)
    order = {"jobName": "out", "itemType": item_type, "contentType": "text/plain"}

    job = liquid.wait_for_end(liquid.start_export(**order, template=f"$accountId{beyond}")["jobId"])

    assert job["status"] == "Rejected"
    assert job["reason"].startswith(f"The export cannot be done: Template line 2: {cause}")
    assert job["links"] == []


def test_a_row_that_a_function_cannot_use_is_rejected_alone(liquid: LiquidClient, item_type: str) -> None:
    template = '{"accountId":"$c1",\n"x":"$text.substring($c2, $number.of($c3))"}'

    job = imported(
        liquid, item_type, f"{GOOD}B,x,one\n".encode(), contentType="text/plain", template=template
    )

    assert (job["status"], job["recordsProcessed"], job["recordsRejected"]) == ("Completed", "4", "1")
    [rejected] = liquid.rejections(job["jobId"])
    assert (rejected["line"], rejected["code"]) == (4, "template_refused")
    assert rejected["reason"].startswith("Template line 2: $text.substring needs whole numbers")


def test_an_export_with_an_item_that_a_function_cannot_use_is_rejected(
    liquid: LiquidClient, item_type: str
) -> None:
    imported(liquid, item_type, GOOD.encode(), contentType="text/plain", template=ITEM)
    order = {"jobName": "out", "itemType": item_type, "contentType": "text/plain"}

    job = liquid.wait_for_end(
        liquid.start_export(**order, template="\n\n$text.substring($accountId, $accountId)")["jobId"]
    )

    assert job["status"] == "Rejected"
    assert job["reason"].startswith("The export cannot be done: Template line 3: $text.substring needs")
