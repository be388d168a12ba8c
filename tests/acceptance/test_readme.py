"""The README's commands do what it says."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
# What is behind a target's ARGS, and tells its options.
BEHIND = {
    "chaos": ("-m", "tests.faults"),
    "bench": ("-m", "tests.benchmarks"),
    "test": ("-m", "pytest", "tests"),
    "up": ("longshore", "up"),
    "demo": ("longshore", "demo"),
}
WORKER = ("-m", "celery", "worker")  # where options of a worker go
MAKE = sorted(set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)))


def tour(stack: dict[str, Any]) -> str:
    """The tour's commands as one script against the stack of this session."""
    script = "\n".join(block for block in SHELL if "make " not in block)
    script = script.replace("URL=http://127.0.0.1:8080", f"URL={stack['url']}")
    return "shopt -s expand_aliases\nset -eu\n" + script


def test_the_tour_runs_as_printed(stack: dict[str, Any], stack_folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / ".longshore").symlink_to(stack_folder)

    done = subprocess.run(
        ["bash", "-c", tour(stack)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert "invalid-params" not in done.stdout, "a request was refused"
    assert re.search(r'"importid":\d+,.*"status":"(started|running|complete)"', done.stdout)
    assert '"documentid":"1"' in done.stdout
    assert done.stdout.count("Accepted") == 2, "both batch jobs were taken"


@pytest.mark.parametrize("target", MAKE)
def test_each_make_target_named_exists(target: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert planned.returncode == 0, planned.stderr


class Named(NamedTuple):
    """Options that the README names, and the program that should have them; None: whichever."""

    program: tuple[str, ...] | None
    words: tuple[str, ...]


def commands() -> Iterator[list[str]]:
    """All that is printed as code, in words."""
    for block, span in re.findall(r"```\w*\n(.*?)```|`([^`]+)`", README, re.DOTALL):
        lines = block.replace("\\\n", " ").splitlines() if block else [" ".join(span.split())]
        for line in lines:
            with suppress(ValueError):  # half a quotation is no command
                yield shlex.split(line, comments=True)


def named() -> Iterator[Named]:
    """ARGS alone are those of the target that was spoken of before."""
    target = ""
    for words in commands():
        if "make" in words[:-1]:
            target = words[words.index("make") + 1]
        yield from (
            Named(BEHIND[target], tuple(shlex.split(word.removeprefix("ARGS="))))
            for word in words
            if word.startswith("ARGS=")
        )
        before = [*takewhile(lambda word: not word.startswith("-"), words)]
        if words[:3] == ["python", "-m", "workers"]:
            yield Named(WORKER, tuple(words[4:]))
        elif before[:1] == ["longshore"] and before != words:
            yield Named(tuple(before), tuple(words[len(before) :]))
        elif words and re.fullmatch("--[a-z-]+", words[0]):
            yield Named(None, tuple(words))


NAMED = [each for each in dict.fromkeys(named()) if each.words]


@cache
def help_of(program: tuple[str, ...]) -> set[str]:
    """The options that a program tells."""
    python = Path(sys.executable)
    called = [python, *program] if program[0] == "-m" else [python.with_name(program[0]), *program[1:]]
    # This session's services are not told to anybody, and pytest would ask for external ones.
    own = os.environ | {"SERVICES": "embedded"}
    done = subprocess.run(
        [*called, "--help"], cwd=ROOT, env=own, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"--[a-z][a-z-]*", done.stdout))


@pytest.mark.parametrize("found", NAMED, ids=lambda found: " ".join(found.words))
def test_each_option_named_exists(found: Named) -> None:
    programs = [found.program] if found.program else {each.program for each in NAMED if each.program}

    options = {word.partition("=")[0] for word in found.words if word.startswith("--")}

    assert options <= set[str]().union(*map(help_of, programs))


def test_options_are_found_wherever_the_page_names_them() -> None:
    found = {word for each in NAMED for word in each.words}

    assert found > {"--first-seed", "--fault", "--defaults", "--only", "--queues", "--concurrency", "--large"}


@pytest.mark.parametrize(
    "words", [each.words for each in NAMED if each.program == BEHIND["chaos"]], ids=" ".join
)
def test_what_a_storm_is_told_is_what_there_is(words: tuple[str, ...]) -> None:
    """Names of faults, too; to list them begins nothing."""
    command = [sys.executable, "-m", "tests.faults", *words, "--list"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
