"""What the command line decides without doing anything."""

import click
import pytest

from api.cli.importing import Origin, Outcome
from api.cli.imports import Strategies, exit_status
from api.cli.stack_folder import RunningStack, StackAbsent, StackFolder, StackRunning
from api.cli.supervisor import restart_delay
from api.cli.terminal import spell_bytes, spell_seconds
from api.cli.tokens import Lifetime
from api.cli.watching import OUTCOMES, remark, spell_rates
from shared.embedded.sockets import LIMIT_BYTES, make_socket_folder, remove_socket_folder


def test_the_delay_before_a_restart_doubles_up_to_a_ceiling():
    assert [restart_delay(failures) for failures in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]
    assert restart_delay(1000) == 20


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("create", ["create"]),
        ("update,create", ["update", "create"]),
        ("create, update", ["create", "update"]),
        ("both", ["create", "update"]),
        ("create,create", ["create"]),
    ],
)
def test_strategies_are_read_as_people_write_them(given, expected):
    assert Strategies().convert(given, None, None) == expected


@pytest.mark.parametrize("given", ["", "upsert", "create,delete"])
def test_an_unknown_strategy_is_wrong_usage(given):
    with pytest.raises(click.BadParameter):
        Strategies().convert(given, None, None)


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("30d", 2592000)]
)
def test_lifetimes_have_units(given, seconds):
    assert Lifetime().convert(given, None, None) == seconds


@pytest.mark.parametrize("given", ["0", "-1", "1w", "soon", "1.5h", ""])
def test_an_unusable_lifetime_is_wrong_usage(given):
    with pytest.raises(click.BadParameter):
        Lifetime().convert(given, None, None)


@pytest.mark.parametrize(
    ("status", "rejected", "strict", "expected"),
    [
        ("complete", 0, True, 0),
        ("complete", 3, False, 0),
        ("complete", 3, True, 1),
        ("started", 0, False, 0),
        ("failed", 0, False, 1),
        ("canceled", 0, False, 1),
    ],
)
def test_the_exit_status_tells_success(status, rejected, strict, expected):
    outcome = Outcome({"status": status, "rejectedDocuments": rejected})

    assert exit_status(outcome, strict=strict) == expected


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        ("started", "waiting", ""),
        ("running", "working", ""),
        ("running", "waiting", ""),
        ("running", "silent", " (silent)"),
        ("running", "retrying", " (retrying)"),
        ("paused", "paused", " (paused)"),
        ("paused", "maintenance", " (maintenance)"),
        ("started", "maintenance", " (maintenance)"),
        ("resumed", "waiting", " (resumed)"),
    ],
)
def test_who_follows_an_import_is_told_what_is_unusual(status, state, expected):
    assert remark({"status": status, "work": {"state": state}}) == expected


def test_a_rejected_line_is_named_by_its_place_in_the_file():
    outcome = Outcome({}, [Origin("a.ndjson", 1), Origin("a.ndjson", 5), Origin("b.ndjson", 1)])

    assert outcome.place(2, 3) == "a.ndjson:7"
    assert outcome.place(3, 1) == "b.ndjson:1"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (75.2, "75 s"), (200, "3 min 20 s"), (3599.9, "60 min 0 s")]
)
def test_durations_read_well(seconds, words):
    assert spell_seconds(seconds) == words


@pytest.mark.parametrize(("lines", "rates"), [(999, []), (1000, ["2,000 documents/s"])])
def test_a_rate_is_told_of_many_lines_only(lines, rates):
    times = {"ranDatetime": "2026-01-01T00:00:00Z", "endedDatetime": "2026-01-01T00:00:00.5Z"}
    outcomes = dict.fromkeys((f"{outcome}Documents" for outcome in OUTCOMES), 0)

    assert spell_rates(times | outcomes | {"createdDocuments": lines}) == rates


@pytest.mark.parametrize(("size", "words"), [(7, "7 bytes"), (2048, "2.0 KiB"), (5 * 1024**3, "5,120.0 MiB")])
def test_sizes_read_well(size, words):
    assert spell_bytes(size) == words


def a_stack():
    return RunningStack(
        "http://127.0.0.1:1", "default", "the-token", "db", "redis", "file:///b", {"api": [1]}
    )


def test_a_held_folder_is_refused_to_others_and_its_description_read_by_them(tmp_path):
    folder = StackFolder(tmp_path)
    with folder.held():
        folder.describe(a_stack())

        assert StackFolder(tmp_path).running() == a_stack()
        with pytest.raises(StackRunning), StackFolder(tmp_path).held():
            pass


def test_a_folder_without_a_running_stack_says_so(tmp_path):
    folder = StackFolder(tmp_path / "none")

    with pytest.raises(StackAbsent):
        folder.running()


def test_the_description_of_a_stack_that_was_killed_counts_for_nothing(tmp_path):
    folder = StackFolder(tmp_path)
    with folder.held():
        pass
    folder.describe(a_stack())

    with pytest.raises(StackAbsent):
        folder.running()


def test_the_description_is_for_its_owner_only_and_hides_the_token(tmp_path):
    StackFolder(tmp_path).describe(a_stack())

    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    assert "the-token" not in repr(a_stack())


@pytest.mark.parametrize("name", ["d" * 100, "a,b"])
def test_a_folder_that_is_deep_or_has_a_comma_gets_another_one_for_its_sockets(tmp_path_factory, name):
    deep = tmp_path_factory.mktemp("s") / name
    deep.mkdir()

    first = make_socket_folder(deep / "run")
    second = make_socket_folder(deep / "run")

    assert len(str(second / "postgres" / ".s.PGSQL.5432.lock")) <= LIMIT_BYTES
    assert "," not in str(second)
    assert not first.exists(), "what an earlier run left is removed"
    remove_socket_folder(deep / "run")
    assert not second.exists()
    assert not (deep / "run").is_symlink()
