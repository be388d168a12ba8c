"""The guide's examples give the results it shows, and it names every function there is."""

import json
import re
from pathlib import Path

import pytest

from shared.templates.functions import FUNCTIONS
from shared.templates.limits import Limits
from shared.templates.velocity import compile_template

GUIDE = (Path(__file__).parents[2] / "api/liquid/TEMPLATES.md").read_text()
EXAMPLE = re.compile(
    r"```velocity\n(?P<template>.*?)```\n\n```json\n(?P<item>.*?)```\n\n```(?P<kind>text|json)\n(?P<result>.*?)```",
    re.DOTALL,
)
EXAMPLES = [found.groupdict() for found in EXAMPLE.finditer(GUIDE)]


def test_every_template_of_the_guide_has_an_item_and_a_result() -> None:
    assert len(EXAMPLES) == GUIDE.count("```velocity") > 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["template"].splitlines()[0])
def test_an_example_gives_the_result_it_shows(example: dict[str, str]) -> None:
    text = compile_template(example["template"]).render(json.loads(example["item"]))

    if example["kind"] == "json":
        assert json.loads(text) == json.loads(example["result"])
    else:
        assert text == example["result"]


def test_the_guide_lists_the_functions_that_exist() -> None:
    listed = set(re.findall(r"\$(\w+\.\w+)\([^)]*\)`", GUIDE.split("## Functions")[1]))

    assert listed == {f"{family}.{name}" for family, names in FUNCTIONS.items() for name in names}


def test_the_guide_tells_the_limits_that_hold() -> None:
    limits = Limits()

    for bound in (limits.source_characters, limits.steps, limits.output_characters):
        assert f"{bound:,}" in GUIDE
