"""What is known of a collection's items: the key and the fields in order."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli.collections import collections
from api.usecases.collections import CollectionKey, ItemField, SchemaRefused, add_collection, list_keys
from api.usecases.item_types import find_item_type
from api.usecases.services import Service
from shared.db.item_types import relations_of
from shared.ground import Ground

FIELDS = [ItemField("accountId", "string"), ItemField("age", "int")]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A schema file, as `--schema` takes it."""
    path = tmp_path / "schema.json"
    path.write_text(json.dumps([{"name": field.name, "type": field.type} for field in FIELDS]))
    return path


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    ground: Ground,
    service: Service,
    told: list[str],
):
    """Runs `longshore collections`, and returns what it printed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(collections, [*map(str, arguments), "--service", service.name])
        if done.exception is not None:
            raise done.exception
        told.append(done.stderr)
        return done.stdout

    return run


@pytest.fixture
def told() -> list[str]:
    """What each command printed beside its answer."""
    return []


def test_keys_are_listed_with_their_collections(ground: Ground, service: Service):
    add_collection(ground, service, "/Account", key="accountId", fields=FIELDS)

    assert list_keys(ground, service) == [
        CollectionKey("/Account", "accountId"),
        CollectionKey("/contacts", "documentid"),
    ]


def test_an_item_type_has_a_category(ground: Ground, service: Service, run: Callable[..., str]):
    run("add", "/Cart", "--category", "work")
    run("add", "/Account")

    with ground.database.begin() as session:
        found = [find_item_type(session, service, name).category for name in ("Cart", "Account")]
        relations = dict(relations_of(session, service.id))
    assert found == ["work", "entity"]
    assert [relations[name].headers["category"] for name in ("Cart", "Account")] == found
    with pytest.raises(SchemaRefused, match="entity or work is expected"):
        add_collection(ground, service, "/Task", category="job")


def test_a_schema_keeps_its_order(ground: Ground, service: Service):
    add_collection(ground, service, "/Account", key="accountId", fields=FIELDS)

    with ground.database.begin() as session:
        known = find_item_type(session, service, "Account")
    assert (known.key, list(known.types.items())) == ("accountId", [("accountId", "string"), ("age", "int")])


@pytest.mark.parametrize(
    ("key", "fields", "reason"),
    [
        ("", None, "cannot be a key"),
        ("a\n", None, "cannot be a key"),
        (None, [], "at least one field"),
        (None, [ItemField(" ", "int")], "each field a name"),
        (None, [ItemField("a", "int"), ItemField("a", "int")], "same name"),
        (None, [ItemField("a", "complex")], "The type 'complex' of a is not known"),
        ("b", [ItemField("a", "int")], "The key b is not a field"),
    ],
)
def test_what_cannot_be_known(
    ground: Ground, service: Service, key: str | None, fields: list[ItemField] | None, reason: str
):
    with pytest.raises(SchemaRefused, match=reason):
        add_collection(ground, service, "/Account", key=key, fields=fields)

    assert [found.path for found in list_keys(ground, service)] == ["/contacts"]


def test_the_key_that_all_have_needs_no_field(ground: Ground, service: Service):
    add_collection(ground, service, "/Account", key="documentid", fields=[ItemField("a", "int")])

    assert CollectionKey("/Account", "documentid") in list_keys(ground, service)


def test_the_command_takes_key_and_schema(run, schema: Path):
    added = run("add", "/Account", "--key", "accountId", "--schema", schema, "--json")
    listed = run("list")
    as_json = json.loads(run("list", "--json"))

    assert json.loads(added)["key"] == "accountId"
    assert listed.splitlines() == ["/Account (key: accountId)", "/contacts"]
    assert (as_json["collections"], as_json["keys"]) == (["/Account", "/contacts"], {"/Account": "accountId"})


@pytest.mark.parametrize("path", ["/Contacts", "/CONTACTS"])
def test_a_collection_that_differs_from_another_by_case_is_added_with_a_warning(
    run, told: list[str], path: str
):
    added = run("add", path, "--json")

    assert json.loads(added)["collection"] == path
    assert told == [f"Warning: in SQL only its exact name in double quotes tells {path} from /contacts.\n"]


def test_a_collection_like_no_other_is_added_without_a_warning(run, told: list[str]):
    run("add", "/contact")

    assert told == [""]


@pytest.mark.parametrize("content", ["", "{}", '[{"name": "a"}]', '[{"name": 1, "type": "int"}]', "[1]"])
def test_a_schema_file_that_is_none(run, schema: Path, content: str):
    schema.write_text(content)

    with pytest.raises(SchemaRefused, match="cannot be read"):
        run("add", "/Account", "--schema", schema)
