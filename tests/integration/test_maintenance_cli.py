"""`longshore maintenance`, as an operator or a script calls it."""

import json
import re

import pytest
from click.testing import CliRunner

from api.cli.main import longshore
from api.usecases.collections import add_collection
from api.usecases.imports import delete_import
from api.usecases.maintenance import end_maintenance
from api.usecases.services import add_service
from tests.integration.builders import an_import, claim, let_leases_expire, numbered


@pytest.fixture
def run(module_apart):
    """Runs one command line against a database of this module's own and returns its result."""
    environment = {
        "DATABASE_URL": module_apart.settings.database_url,
        "REDIS_URL": module_apart.settings.redis_url,
        "STORAGE_URL": module_apart.settings.storage_url,
    }

    def run(*arguments):
        return CliRunner().invoke(
            longshore, ["maintenance", *arguments], env=environment, standalone_mode=False
        )

    yield run
    end_maintenance(module_apart)


@pytest.fixture(scope="module")
def tenant(module_apart):
    made, _ = add_service(module_apart, "tenant")
    add_collection(module_apart, made, "/contacts")
    return made


@pytest.fixture
def running(module_apart, tenant):
    """An import that a worker has."""
    import_id = an_import(module_apart, tenant, numbered(1))
    assert claim(module_apart, import_id)
    yield import_id
    delete_import(module_apart, tenant, import_id)


def test_it_is_off_at_first_and_may_be_ended_all_the_same(run):
    assert run("status").stdout == "Maintenance is off.\n"
    assert run("off").stdout == "There was no maintenance.\n"


def test_it_begins_is_told_of_and_ends(run, module_apart, running):
    let_leases_expire(module_apart, running)

    began = run("on", "--reason", "new disks")
    told = run("status")
    ended = run("off")

    assert began.return_value == 0
    assert began.stdout == "Maintenance is on.\n  paused  1 import\n  waiting 0 jobs\n  at work 0 workers\n"
    first, *rest = told.stdout.splitlines()
    assert re.fullmatch(
        r"Maintenance is on since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(.+ s\): new disks", first
    )
    assert rest == ["  paused  1 import", "  waiting 0 jobs", "  at work 0 workers"]
    assert ended.stdout == "Maintenance is off. Resumed 1 import.\n"


def test_beginning_twice_keeps_the_first_moment_and_takes_the_newer_reason(run):
    first = json.loads(run("on", "--json", "--reason", "one").stdout)

    second = json.loads(run("on", "--json", "--reason", "two").stdout)
    third = run("on")

    assert (first["changed"], second["changed"]) == (True, False)
    assert first["since"] == second["since"]
    assert (first["reason"], second["reason"]) == ("one", "two")
    assert third.stdout.startswith("Maintenance is on already.\n")
    assert json.loads(run("status", "--json").stdout)["reason"] == "two"


def test_the_exit_status_tells_that_a_worker_holds_something_still(run, module_apart, running):
    busy = run("on", "--wait", "0.1")
    as_json = run("on", "--wait", "0", "--json")
    let_leases_expire(module_apart, running)
    quiet = run("on", "--wait", "0")

    assert (busy.return_value, as_json.return_value, quiet.return_value) == (1, 1, 0)
    assert busy.stderr == "Workers hold something still: look again with longshore maintenance status.\n"
    assert json.loads(as_json.stdout)["atWork"] == 1


def test_json_tells_everything_on_one_line(run):
    off = run("status", "--json")
    run("on")
    ended = run("off", "--json")

    assert json.loads(off.stdout) == {
        "maintenance": "off",
        "since": None,
        "reason": None,
        "pausedImports": 0,
        "waitingJobs": json.loads(off.stdout)["waitingJobs"],
        "atWork": 0,
    }
    assert off.stdout.count("\n") == 1
    assert (
        json.loads(ended.stdout).items()
        >= {"maintenance": "off", "changed": True, "resumedImports": 0}.items()
    )
