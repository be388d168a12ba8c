"""Where fleets can be started: with offline images or without, as long as the images can be had."""

import os
from pathlib import Path

import pytest

from tests.fleet.containers import missing
from tests.supplies.images import read_fleet_images

NOWHERE = "localhost:1/longshore/nothing"


@pytest.fixture
def here(engine: None) -> dict[str, str]:
    """What names the images that this engine has, in an environment."""
    named = read_fleet_images(os.environ)._asdict()
    return {f"{name.upper()}_IMAGE": image for name, image in named.items()}


def test_images_that_the_environment_names_are_enough(here: dict[str, str], tmp_path: Path):
    assert missing(here, tmp_path / "offline.env") is None


def test_an_image_that_cannot_be_had_is_told_and_how_to_make_it(here: dict[str, str], tmp_path: Path):
    reason = missing(here | {"REDIS_IMAGE": NOWHERE}, tmp_path / "offline.env")

    assert reason is not None
    assert NOWHERE in reason
    assert "make images-offline" in reason
