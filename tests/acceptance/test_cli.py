"""The command line beside a running stack, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.acceptance.waiting import wait_for

LONGSHORE = str(Path(sys.executable).with_name("longshore"))


@pytest.fixture
def run(stack, stack_folder, stack_services):
    """Runs a command to its end, whatever that is."""

    def run(*arguments, given="", beside_stack=True):
        where = ["--data-dir", str(stack_folder)] if beside_stack else []
        return subprocess.run(
            [LONGSHORE, *arguments, *where],
            check=False,
            capture_output=True,
            text=True,
            input=given,
            env=os.environ | stack_services,
        )

    return run


def lines(count, first=0):
    return "".join(json.dumps({"documentid": str(first + n), "n": n}) + "\n" for n in range(count))


def test_a_file_is_imported_and_its_rejected_line_named(run, collection, client, tmp_path):
    file = tmp_path / "films.ndjson"
    file.write_text(lines(5000) + "{broken\n\n" + lines(5, first=9000))

    done = run("import", str(file), "--collection", collection)

    assert done.returncode == 0, done.stderr
    assert f"{file}:5001  invalid_json: " in done.stdout
    assert "is complete: 5,006 lines" in done.stdout
    assert len(client.documents(collection)) == 5005


def test_standard_input_is_imported_and_the_result_printed_as_json(run, collection):
    given = lines(10) + "[]\n"

    done = run("import", "-", "--collection", collection, "--strategy", "create", "--json", given=given)

    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert (found["status"], found["createdDocuments"], found["rejectedDocuments"]) == ("complete", 10, 1)
    assert found["rejections"][0]["line"] == 11
    assert done.stderr == ""


def test_lines_take_effect_in_the_order_of_the_file_across_blocks(run, collection, client, tmp_path):
    file = tmp_path / "counts.ndjson"
    padding = "x" * 1000
    with file.open("w") as stream:
        for number in range(12_000):
            document = {"documentid": str(number % 3), "last": number, "padding": padding}
            stream.write(json.dumps(document) + "\n")

    done = run("import", str(file), "--collection", collection, "--block-mib", "1", "--parallel", "8")

    assert done.returncode == 0, done.stderr
    assert "13 blocks" in done.stderr
    found = {key: document["last"] for key, document in client.documents(collection).items()}
    assert found == {"0": 11997, "1": 11998, "2": 11999}


def test_several_files_are_one_import(run, collection, client, tmp_path):
    files = [tmp_path / name for name in ("a.ndjson", "b.ndjson")]
    files[0].write_text(lines(3).rstrip("\n"))
    files[1].write_text(lines(3, first=3) + "nonsense\n")

    done = run("import", *map(str, files), "--collection", collection)

    assert f"{files[1]}:4  invalid_json" in done.stdout
    assert len(client.documents(collection)) == 6


def test_update_alone_skips_what_does_not_exist(run, collection):
    done = run("import", "-", "--collection", collection, "--strategy", "update", "--json", given=lines(4))

    assert json.loads(done.stdout)["skippedDocuments"] == 4


def test_strict_makes_rejected_lines_a_failure(run, collection):
    done = run("import", "-", "--collection", collection, "--strict", given="nonsense\n")

    assert done.returncode == 1


def test_an_empty_input_is_an_import_of_nothing(run, collection):
    done = run("import", "-", "--collection", collection, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "complete"


def test_not_watching_returns_once_it_is_started(run, collection, client):
    done = run("import", "-", "--collection", collection, "--no-watch", "--json", given=lines(3))

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert client.wait_for_end(found["importid"])["createdDocuments"] == 3


def test_an_unknown_collection_is_told_with_what_to_do(run):
    done = run("import", "-", "--collection", "/nowhere", given=lines(1))

    assert done.returncode == 1
    assert "/nowhere" in done.stderr
    assert "longshore collections add" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_canceled_import_is_no_success(stack, stack_folder, collection, client, tmp_path):
    file = tmp_path / "big.ndjson"
    file.write_text(lines(150_000))
    command = [LONGSHORE, "import", str(file), "--collection", collection, "--data-dir", str(stack_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        cancel_when_running(stack, client, collection)
        text, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "is canceled" in text


def test_an_interrupted_upload_leaves_no_import(stack, stack_folder, collection):
    command = [LONGSHORE, "import", "-", "--collection", collection, "--data-dir", str(stack_folder)]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        importid = wait_for(lambda: newest(stack, collection))
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        text = process.stderr.read()

    assert process.returncode == 130
    assert "Nothing was imported" in text
    assert importid
    assert newest(stack, collection) is None


def test_url_and_token_may_come_from_the_environment(stack, collection):
    given = os.environ | {"LONGSHORE_URL": stack["url"], "LONGSHORE_TOKEN": stack["token"]}
    command = [LONGSHORE, "import", "-", "--collection", collection, "--json"]

    done = subprocess.run(command, check=False, capture_output=True, text=True, input=lines(2), env=given)

    assert json.loads(done.stdout)["createdDocuments"] == 2


def test_an_expired_token_is_told_in_one_sentence(stack, run):
    token = run("token", "--lifetime", "1s").stdout.strip()
    command = [LONGSHORE, "import", "-", "--collection", "/x", "--url", stack["url"], "--token", token + "x"]

    done = subprocess.run(command, check=False, capture_output=True, text=True, input="")

    assert done.returncode == 1
    assert "401" in done.stderr
    assert "Traceback" not in done.stderr


def test_services_have_their_own_collections_secrets_and_tokens(run):
    added = json.loads(run("services", "add", "cinema", "--json").stdout)
    run("collections", "add", "/films", "--service", "cinema")
    rotated = json.loads(run("services", "rotate-secret", "cinema", "--json").stdout)

    assert added["service"] == "cinema"
    assert added["secret"] != rotated["secret"]
    assert "cinema" in run("services", "list").stdout.splitlines()
    assert json.loads(run("collections", "list", "--service", "cinema", "--json").stdout) == {
        "service": "cinema",
        "collections": ["/films"],
    }
    assert json.loads(run("token", "--service", "cinema", "--json").stdout)["service"] == "cinema"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ("services add Not.A.Name", 1, "cannot name a data service"),
        ("collections add films", 1, "cannot name a collection"),
        ("token --service nobody", 1, "nobody"),
        ("token --lifetime soon", 2, "is not a duration"),
        ("import /no/such/file --collection /x", 2, "does not exist"),
        ("import - --collection /x --strategy z", 2, "expected create"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_without_a_trace(run, arguments, status, words):
    done = run(*arguments.split())

    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_migrating_again_changes_nothing(run):
    first = json.loads(run("migrate", "--json").stdout)

    assert json.loads(run("migrate", "--json").stdout) == first


def test_without_a_stack_every_command_says_where_it_looked(tmp_path):
    for command in (["token"], ["services", "list"], ["migrate"], ["collections", "list"]):
        done = subprocess.run(
            [LONGSHORE, *command, "--data-dir", str(tmp_path)], check=False, capture_output=True, text=True
        )

        assert done.returncode == 1
        assert f"No stack is running on {tmp_path}" in done.stderr


def newest(stack, collection):
    """The id of the collection's newest import; None while it has none."""
    headers = {"Authorization": f"Bearer {stack['token']}"}
    answer = httpx.get(f"{stack['url']}/__resources/imports", headers=headers, trust_env=False)
    return next((row["importid"] for row in answer.json()["data"] if row["collection"] == collection), None)


def cancel_when_running(stack, client, collection):
    importid = wait_for(lambda: newest(stack, collection))
    client.wait_until(importid, lambda resource: resource["status"] == "running")
    client.set_status(importid, "canceled")
