"""`longshore users` and `longshore clients`, as a person or a script calls them."""

import json
from datetime import UTC, datetime
from itertools import count

import pytest
from click.testing import CliRunner

from api.cli.main import longshore
from api.usecases.accounts import ClientNotFound
from api.usecases.logins import Origin, log_in_client, log_in_user
from shared.errors import NameTaken, ServiceNotFound

NOW = Origin(None, datetime(2030, 1, 1, tzinfo=UTC))
_numbers = count(1)


@pytest.fixture
def run(environment, ground):
    """Runs one command line against this session's services and returns its result."""

    def run(*arguments, given=""):
        return CliRunner().invoke(longshore, arguments, input=given, env=environment)

    return run


@pytest.fixture
def email():
    return f"eve-{next(_numbers)}@example.org"


def test_a_user_is_added_granted_and_listed(run, ground, service, email):
    added = run("users", "add", email, "--password", "a-password", "--json")
    granted = run("users", "grant", email, "--community", service.name)
    listed = run("users", "list")

    assert json.loads(added.stdout) == {"user": email, "communities": []}
    assert granted.stdout == f"Granted {service.name} to {email}.\n"
    assert f"{email}  {service.name}" in listed.stdout.splitlines()
    assert log_in_user(ground, email, "a-password", NOW).email == email


def test_a_user_is_added_with_several_communities(run, service, email):
    run(
        "users",
        "add",
        email,
        "--password",
        "a-password",
        "--community",
        service.name,
        "--community",
        service.name,
    )

    users = json.loads(run("users", "list", "--json").stdout)["users"]
    assert {"user": email, "communities": [service.name]} in users


def test_a_client_is_added_and_listed(run, ground, service):
    added = run("clients", "add", f"cli-{service.name}", "--secret", "a-secret", "--community", service.name)

    assert added.stdout == f"Added cli-{service.name}.\n"
    clients = json.loads(run("clients", "list", "--json").stdout)["clients"]
    assert {"client": f"cli-{service.name}", "communities": [service.name]} in clients
    assert f"cli-{service.name}  {service.name}" in run("clients", "list").stdout.splitlines()


def test_a_client_is_granted_more_communities(run, ground, service):
    client = f"granted-{service.name}"
    run("clients", "add", client, "--secret", "a-secret")

    granted = run("clients", "grant", client, "--community", service.name)
    again = run("clients", "grant", client, "--community", service.name, "--json")

    assert granted.stdout == f"Granted {service.name} to {client}.\n"
    assert json.loads(again.stdout) == {"client": client, "granted": [service.name]}
    clients = json.loads(run("clients", "list", "--json").stdout)["clients"]
    assert {"client": client, "communities": [service.name]} in clients


def test_a_secret_that_is_not_given_is_asked_for_twice_and_not_shown(run, ground, service, email):
    user = run("users", "add", email, "--json", given="typed-one\ntyped-one\n")
    client = run("clients", "add", f"typed-{service.name}", given="one\nother\ntyped-one\ntyped-one\n")

    assert json.loads(user.stdout) == {"user": email, "communities": []}
    assert "typed-one" not in user.output
    assert log_in_user(ground, email, "typed-one", NOW)
    assert client.exit_code == 0, client.output
    assert log_in_client(ground, f"typed-{service.name}", "typed-one", NOW)


def test_what_cannot_be_added_is_refused(run, email):
    run("users", "add", email, "--password", "a-password")

    assert isinstance(run("users", "add", email, "--password", "a-password").exception, NameTaken)
    unknown = run("users", "grant", email, "--community", "nowhere")
    assert isinstance(unknown.exception, ServiceNotFound)
    assert run("users", "grant", email).exit_code == 2


def test_what_cannot_be_granted_to_a_client_is_refused(run, service):
    client = f"refused-{service.name}"
    run("clients", "add", client, "--secret", "a-secret")

    nobody = run("clients", "grant", "nobody", "--community", service.name)
    nowhere = run("clients", "grant", client, "--community", service.name, "--community", "nowhere")

    assert isinstance(nobody.exception, ClientNotFound)
    assert "longshore clients list" in str(nobody.exception)
    assert isinstance(nowhere.exception, ServiceNotFound)
    clients = json.loads(run("clients", "list", "--json").stdout)["clients"]
    assert {"client": client, "communities": []} in clients
    assert run("clients", "grant", client).exit_code == 2
