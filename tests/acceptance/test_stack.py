"""`longshore up`: what it starts, keeps running and ends.

Tests that end their stack have one of their own; the others share one.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance import waiting

LONGSHORE = str(Path(sys.executable).with_name("longshore"))
DEADLINE_SECONDS = 60.0

wait_for = partial(waiting.wait_for, seconds=DEADLINE_SECONDS)


class Up:
    """One `longshore up --json` and what it printed."""

    def __init__(self, process, folder):
        self.process = process
        self.folder = folder
        line = process.stdout.readline()
        assert line, process.stderr.read()
        self.description = json.loads(line)
        self.family = psutil.Process(process.pid).children(recursive=True)

    def pids(self, role):
        return json.loads((self.folder / "stack.json").read_text())["pids"][role]

    def is_whole(self):
        """Whether as many processes of each role run as at first."""
        now = json.loads((self.folder / "stack.json").read_text())["pids"]
        return all(len(now[role]) == len(pids) for role, pids in self.description["pids"].items())

    def get(self, path, token=None):
        headers = {"Authorization": f"Bearer {token or self.description['token']}"}
        return httpx.get(self.description["url"] + path, headers=headers, trust_env=False, timeout=30)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


@contextlib.contextmanager
def up(folder, *, workers=1, environment=None):
    command = [LONGSHORE, "up", "--json", "--port", "0", "--data-dir", str(folder), "--workers", str(workers)]
    given = os.environ | (environment or {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=given, **pipes) as process:
        try:
            yield Up(process, folder)
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)


def is_gone(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory):
    with up(tmp_path_factory.mktemp("shared"), workers=3) as stack:
        yield stack


def test_one_line_of_json_describes_a_stack_that_answers(shared_stack):
    description = shared_stack.description
    fields = ["url", "service", "token", "database_url", "redis_url", "storage_url", "pids"]
    counts = {role: len(pids) for role, pids in description["pids"].items()}

    assert list(description) == fields
    assert counts == {"postgres": 1, "redis": 1, "api": 1, "worker": 3, "beat": 1}
    assert all(psutil.pid_exists(pid) for pids in description["pids"].values() for pid in pids)
    assert shared_stack.get("/health/ready").status_code == 200
    assert shared_stack.get("/__resources/imports").json() == {"data": []}


@pytest.mark.parametrize("role", ["worker", "beat", "api", "redis", "postgres"])
def test_what_dies_is_started_again(shared_stack, role):
    before = shared_stack.pids(role)

    os.kill(before[0], signal.SIGKILL)

    wait_for(lambda: shared_stack.is_whole() and before[0] not in shared_stack.pids(role))
    wait_for(lambda: shared_stack.get("/__resources/imports").status_code == 200)
    wait_for(lambda: shared_stack.get("/health/ready").json() == {"status": "ready"})


def test_a_second_stack_on_the_same_folder_is_refused_in_one_sentence(shared_stack):
    command = [LONGSHORE, "up", "--data-dir", str(shared_stack.folder)]

    second = subprocess.run(command, check=False, capture_output=True, text=True)

    assert second.returncode == 1
    assert f"A stack is running on {shared_stack.folder} already" in second.stderr
    assert "Traceback" not in second.stderr
    assert shared_stack.get("/health/ready").status_code == 200


def test_a_port_that_is_taken_is_told_in_one_sentence(shared_stack, tmp_path):
    port = shared_stack.description["url"].rpartition(":")[2]
    command = [LONGSHORE, "up", "--port", port, "--data-dir", str(tmp_path)]

    second = subprocess.run(command, check=False, capture_output=True, text=True)

    assert second.returncode == 1
    assert f"The API cannot listen on 127.0.0.1, port {port}" in second.stderr


def assert_ends_cleanly(stack, number):
    assert stack.get("/health/ready").status_code == 200
    sockets = (stack.folder / "run").resolve()

    status = stack.end(number)

    assert status == 0
    assert [process for process in stack.family if not is_gone(process)] == []
    assert not sockets.exists()
    assert not (stack.folder / "stack.json").exists()
    log = (stack.folder / "logs" / "postgres.log").read_text()
    assert "database system is shut down" in log.splitlines()[-1]


def ask_to_end(stack):
    assert_ends_cleanly(stack, signal.SIGTERM)


def interrupt(stack):
    assert_ends_cleanly(stack, signal.SIGINT)


def kill_the_supervisor(stack):
    stack.end(signal.SIGKILL)
    # Only Linux ties children to their parent.
    for process in [] if sys.platform == "linux" else stack.family:
        process.kill()
    wait_for(lambda: all(is_gone(process) for process in stack.family))


def kill_everything_at_once(stack):
    for process in [psutil.Process(stack.process.pid), *stack.family]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert (stack.folder / "postgres" / "postmaster.pid").exists()


def test_data_outlives_every_end_and_so_does_what_signs_tokens_in_a_folder_of_any_name(tmp_path):
    folder = tmp_path / ("with space, %41 and ü" + "d" * 120)
    with up(folder) as stack:
        token = stack.description["token"]
        subprocess.run([LONGSHORE, "collections", "add", "/films", "--data-dir", folder], check=True)
        interrupt(stack)

    for end in (kill_the_supervisor, kill_everything_at_once, ask_to_end):
        with up(folder) as again:
            assert again.get("/films", token).json()["data"] == [], end.__name__
            end(again)


def test_it_ends_cleanly_also_when_a_child_has_died(tmp_path):
    with up(tmp_path) as stack:
        for role in ("worker", "api", "postgres"):
            os.kill(stack.pids(role)[0], signal.SIGKILL)

        status = stack.end()

    assert status == 0
    assert [process for process in stack.family if not is_gone(process)] == []


def test_services_of_the_environment_are_used_instead(tmp_path, environment):
    with up(tmp_path, environment=environment) as stack:
        assert stack.description["database_url"] == environment["DATABASE_URL"]
        assert stack.description["redis_url"] == environment["REDIS_URL"]
        assert stack.description["storage_url"] == environment["STORAGE_URL"]
        assert set(stack.description["pids"]) == {"api", "worker", "beat"}
        assert stack.get("/health/ready").status_code == 200

    assert not (tmp_path / "postgres").exists()


def test_a_signal_while_it_starts_leaves_nothing(tmp_path):
    command = [LONGSHORE, "up", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_for((tmp_path / "postgres" / "postmaster.pid").exists)
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()

        assert process.wait(DEADLINE_SECONDS) == 0
        assert [child for child in family if not is_gone(child)] == []


def test_a_setting_that_cannot_be_used_is_named(tmp_path):
    command = [LONGSHORE, "up", "--port", "0", "--data-dir", str(tmp_path)]
    given = os.environ | {"LONGSHORE_BATCH_LINES": "many"}

    refused = subprocess.run(command, check=False, capture_output=True, text=True, env=given)

    assert refused.returncode == 1
    assert "LONGSHORE_BATCH_LINES" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_json_it_prints_where_mails_go_and_a_curl_line_that_works(tmp_path):
    command = [LONGSHORE, "up", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        told = (line.strip() for line in process.stdout)
        mails = next(line for line in told if line.startswith("mails "))
        line = next(line for line in told if line.startswith("curl "))

        answer = subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
        process.terminate()

    assert json.loads(answer) == {"data": []}
    assert mails.split(maxsplit=1)[1] == f"kept as .eml files in {tmp_path}/mails"


def test_the_demo_shows_everything_and_leaves_nothing():
    with subprocess.Popen(
        [LONGSHORE, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        text = demo.stdout.read()

    assert demo.returncode == 0, text
    assert "200,000 lines" in text
    assert "documents/s" in text
    assert "invalid_json" in text
    assert '"documentid": "SFO"' in text
    assert "Completed: The file has been processed: 2 created" in text
    assert "Completed: The export is complete: 2 items" in text
    assert re.search(
        r"GET http\S+/Ship.csv\n +shipId,name,port.city,port.berth,tonnage\n +S1,Merganser,", text
    )
    assert "Totals" in text
    answers = text.partition("Process ids:")[2].partition("\n")[0]
    pids = [int(word) for word in re.findall(r"\d+", answers)]
    assert len(pids) == 6
    assert not any(psutil.pid_exists(pid) for pid in pids)
