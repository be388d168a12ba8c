"""What docker/fleet.sh does next, where a step before it failed or found nothing."""

from pathlib import Path

import pytest

from tests.unit.docker_stub import FLEET, Docker

LOOKS_AT_TABLES, TAKES_FILES, TAKES_ROWS = "*psql*dt*", "tar -x", "pg_restore"


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """What `backup` leaves, without content."""
    folder = tmp_path / "backup"
    folder.mkdir()
    for name in ("database.dump", "stored.tar", "objects.tar"):
        (folder / name).touch()
    return folder


def test_an_empty_fleet_takes_a_backup(docker: Docker, backup: Path):
    for service in ("postgres", "api", "worker", "beat"):
        docker.has(service, "one")

    done = docker.run("restore", str(backup))

    assert done.returncode == 0, done.stderr
    assert docker.calls(TAKES_FILES)
    assert docker.calls(TAKES_ROWS)


def test_a_database_that_does_not_answer_is_not_taken_for_an_empty_one(docker: Docker, backup: Path):
    """The blocks of a fleet at work were overwritten."""
    docker.has("postgres", "one")
    docker.answer(LOOKS_AT_TABLES, "exit 2")

    done = docker.run("restore", str(backup))

    assert done.returncode != 0
    assert docker.calls(TAKES_FILES) == docker.calls(TAKES_ROWS) == []


def test_a_fleet_that_has_data_is_let_alone(docker: Docker, backup: Path):
    docker.has("postgres", "one")
    docker.answer(LOOKS_AT_TABLES, "echo public documents")

    done = docker.run("restore", str(backup))

    assert done.returncode == 1
    assert "has data already" in done.stderr
    assert docker.calls(TAKES_FILES) == []


@pytest.mark.parametrize("fails", ["*detach\\ s3*", "*run*\\ make", "*run*\\ load"])
def test_without_its_objects_no_database_is_restored(docker: Docker, backup: Path, fails: str):
    """It was, when the store did not start or its bucket was not made: all blocks were missing."""
    docker.has("postgres", "one")
    docker.answer(fails, "exit 1")

    done = docker.run("restore", str(backup), COMPOSE_PROFILES="s3")

    assert done.returncode != 0
    assert docker.calls(TAKES_ROWS) == []


def test_a_restart_replaces_one_after_the_other(docker: Docker):
    docker.has("api", "a1", "a2")
    docker.has("worker", "w1")
    docker.has("beat", "b1")

    done = docker.run("restart")

    assert done.returncode == 0, done.stderr
    assert [call.split()[-1] for call in docker.calls("stop ")] == ["a1", "a2", "w1", "b1"]


def test_an_api_that_is_alone_stays_until_another_one_is_healthy(docker: Docker):
    """Nobody answered in between, and the page said that no request fails."""
    docker.has("api", "a1")

    done = docker.run("restart")

    assert done.returncode == 0, done.stderr
    [stopped] = [number for number, call in enumerate(docker.calls()) if call.startswith("stop ")]
    assert [call for call in docker.calls()[:stopped] if "--scale api=2" in call]
    assert docker.calls()[stopped - 1].startswith("inspect ")
    assert docker.calls("--scale")[-1].endswith("--scale api=1 api")


@pytest.mark.parametrize("fails", ["*compose.service=api*", "*run*migrate*"])
def test_a_restart_ends_where_it_cannot_go_on(docker: Docker, fails: str):
    """Where the list of containers was not to be had nothing was replaced, and nobody told."""
    docker.answer(fails, "exit 1")

    done = docker.run("restart")

    assert done.returncode != 0
    assert docker.calls("stop ") == []


def test_what_is_gone_is_not_called_healthy(docker: Docker, tmp_path: Path):
    """A container that never came was none that is not healthy: all others were stopped, too."""
    docker.answer("*compose.service=api\\ *", f"test -e {tmp_path}/stopped || printf '%s\\n' a1 a2")
    docker.answer("stop*", f"touch {tmp_path}/stopped")

    done = docker.run("restart")

    assert done.returncode == 1
    assert "api is not healthy" in done.stderr
    assert len(docker.calls("stop ")) == 1


def test_certificates_of_a_relative_path_are_those_of_where_it_was_told(docker: Docker, tmp_path: Path):
    """They were looked for in docker/, and those of an older build were taken where they were not found."""
    (tmp_path / "own.crt").write_text("ours")

    done = docker.run("build", folder=tmp_path, PIP_CERT="own.crt", LONGSHORE_IMAGE="")

    assert done.returncode == 0, done.stderr
    assert docker.calls("--build-arg CA_BUNDLE=docker/pip-cert.crt ")
    assert (docker.beside / "pip-cert.crt").read_text() == "ours"


def test_certificates_that_are_not_there_are_missed(docker: Docker, tmp_path: Path):
    done = docker.run("up", folder=tmp_path, PIP_CERT="none.crt", LONGSHORE_IMAGE="")

    assert done.returncode != 0
    assert docker.calls("build") == docker.calls("up ") == []


def test_certificates_of_an_older_build_are_not_taken(docker: Docker):
    (docker.beside / "pip-cert.crt").write_text("old")

    docker.run("build", LONGSHORE_IMAGE="")

    [built] = docker.calls("build")
    assert "CA_BUNDLE" not in built


@pytest.mark.parametrize("command", ["up", "scale"])
@pytest.mark.parametrize(
    ("there", "told", "expected"),
    [
        ((0, 0), {}, (2, 2)),
        ((0, 0), {"API": "5"}, (5, 2)),
        ((3, 4), {}, (3, 4)),
        ((3, 4), {"API": "5"}, (5, 4)),
        ((3, 4), {"WORKER": "1"}, (3, 1)),
        ((3, 4), {"API": "", "WORKER": "0"}, (3, 0)),
    ],
)
def test_a_number_that_is_not_told_stays(
    docker: Docker,
    command: str,
    there: tuple[int, int],
    told: dict[str, str],
    expected: tuple[int, int],
):
    """`make fleet` after `make fleet-scale WORKER=4` took two workers away again."""
    for service, count in zip(("api", "worker"), there, strict=True):
        docker.has(service, *(f"{service}{number}" for number in range(count)))
    docker.has("beat", "beat")
    # What tells that it is ready; there may be nobody to ask as yet.
    docker.answer("exec*", "exit 0")
    if not there[0]:
        docker.answer("*up*scale*", "exit 9")

    docker.run(command, **told)

    [scaled] = docker.calls("--scale")
    assert scaled.endswith("--scale api={} --scale worker={}".format(*expected))


@pytest.mark.parametrize("command", ["up", "scale"])
@pytest.mark.parametrize("service", ["api", "worker", "beat"])
def test_a_fleet_of_which_a_part_does_not_work_is_not_called_up(docker: Docker, command: str, service: str):
    """One API was ready, and so workers that ended again and again were told to be up."""
    docker.answer(f"inspect*{service}1", "echo unhealthy")
    for each in ("api", "worker", "beat"):
        docker.has(each, f"{each}1")

    done = docker.run(command)

    assert done.returncode == 1
    assert f"A container of {service} is not healthy" in done.stderr
    assert "is up at" not in done.stdout


@pytest.mark.parametrize("runs", ["newest", "older"])
def test_who_adds_to_an_older_fleet_is_told_how_to_upgrade_it(docker: Docker, runs: str):
    """New APIs waited for a schema that nobody migrated to."""
    for each in ("api", "worker", "beat"):
        docker.has(each, f"{each}1")
    docker.answer("image*inspect*", "echo newest")
    docker.answer("inspect*.Image*", f"echo {runs}")

    done = docker.run("up")

    assert done.returncode == 0
    assert ("make fleet-restart" in done.stderr) == (runs == "older")


def test_a_fleet_without_workers_is_waited_for_no_longer(docker: Docker):
    for each in ("api", "beat"):
        docker.has(each, f"{each}1")

    assert docker.run("scale", WORKER="0").returncode == 0


@pytest.mark.parametrize("name", ["default", "acme"])
def test_the_token_is_for_the_default_data_service(docker: Docker, name: str):
    for each in ("api", "worker", "beat"):
        docker.has(each, f"{each}1")
    docker.answer("exec*LONGSHORE_DEFAULT_SERVICE*", f"echo {name}")

    docker.run("up")

    [added] = docker.calls("services add")
    [token] = docker.calls(" token ")
    assert added.endswith(f" {name}")
    assert f" --service {name} " in token


@pytest.mark.parametrize("goal", ["fleet", "fleet-scale"])
def test_make_tells_no_number_that_it_was_not_told(docker: Docker, goal: str):
    docker.has("api", "a1", "a2", "a3")
    docker.has("worker", "w1")
    docker.has("beat", "b1")

    done = docker.run(goal, "API=5", program=("make", "-C", FLEET.parents[1]))

    assert done.returncode == 0, done.stderr
    [scaled] = docker.calls("--scale")
    assert scaled.endswith("--scale api=5 --scale worker=1")
