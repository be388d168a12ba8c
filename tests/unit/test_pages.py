"""The pages beside the code: their links lead somewhere, and no setting is left out."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.settings import PREFIX, Environment

ROOT = Path(__file__).parents[2]
PAGES = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, check=True, text=True, capture_output=True
).stdout.split()
FENCED = re.compile("^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)")
HEADING = re.compile("^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """As code hosts make them of headings."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(prose(page))
    }


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_to_a_file_and_a_heading_of_it(page: str) -> None:
    here = ROOT / page
    for path, anchor in LINK.findall(prose(here)):
        there = (here.parent / path).resolve() if path else here
        assert there.exists(), path
        assert there.is_relative_to(ROOT), path
        assert not anchor or anchor in anchors(there), f"{path}#{anchor}"


def test_each_setting_is_told() -> None:
    told = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docker/SETTINGS.md").read_text(), re.MULTILINE)

    assert sorted(told) == sorted(str(field.data_key) for field in Environment().fields.values())
    assert all(name.startswith(PREFIX) or name.endswith("_URL") for name in told)
