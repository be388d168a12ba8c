"""`longshore doctor`: is all there that this machine's processes need, and what to do where it is not."""

from collections.abc import Iterator
from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import connected
from api.cli.options import data_dir_option, json_option
from api.usecases.doctor.examination import examine
from api.usecases.doctor.findings import Finding, Verdict, fail
from shared.errors import SettingsInvalid


@click.command()
@data_dir_option
@json_option
def doctor(*, data_dir: Path | None, as_json: bool) -> int:
    """Look at everything that the service needs, and tell what to do where something is wrong.

    It looks with the settings and from the machine or container that it is called in: call it where APIs
    run, and where workers do. It changes nothing. Exit status: 0 unless something fails, then 1.

    \b
    Example:
      longshore doctor --json | jq '.findings[] | select(.verdict != "ok")'
    """
    findings = []
    for finding in _findings(data_dir):
        findings.append(finding)
        if not as_json:
            _print(finding)
    worst = max((finding.verdict for finding in findings), key=list(Verdict).index)
    if as_json:
        terminal.print_json({"verdict": worst, "findings": [_as_json(finding) for finding in findings]})
    return 1 if worst is Verdict.FAIL else 0


def _findings(data_dir: Path | None) -> Iterator[Finding]:
    try:
        with connected(data_dir) as ground:
            yield from examine(ground)
    except SettingsInvalid as error:
        yield fail("settings", str(error).replace("\n", " "), "Correct them: no process starts with these.")


def _print(finding: Finding) -> None:
    terminal.out().print(f"{finding.verdict:<5} {finding.subject}: {finding.found}")
    if finding.advice:
        terminal.out().print(f"      {finding.advice}")


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "verdict": finding.verdict,
        "found": finding.found,
        "advice": finding.advice,
    }
