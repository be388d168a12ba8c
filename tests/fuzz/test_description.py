"""The service does what `/openapi.json` says, whatever is sent: schemathesis against the real server."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from api.usecases import tokens
from api.usecases.services import Service
from shared.db import import_pages
from shared.ground import Ground
from tests.contract.liquid import liquid_client
from tests.integration.job_builders import exported, with_documents
from tests.serving import Served

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
FEW_EXAMPLES = 2
KNOWN_SEED = 1
METHODS = {"get", "post", "put", "patch", "delete", "head"}


@pytest.fixture
def names(ground: Ground, service: Service, secret: str) -> dict[str, str]:
    """What schemathesis.toml asks the environment for: a data service with something in it."""
    with_documents(ground, service, {"1": {"name": "Ann"}}, "contacts")
    [link] = exported(ground, service, item_type="contacts").shown().links
    *_, token, name = link.split("/")
    return {
        "FUZZED_HOST": f"{service.name}.localhost",
        "DATASTORE_TOKEN": tokens.mint(secret, None),
        "LIQUID_TOKEN": liquid_client(None, ground, service).token,
        "DOWNLOAD_TOKEN": token,
        "DOWNLOAD_NAME": unquote(name),
    }


def imports_of(ground: Ground, service: Service) -> int:
    with ground.database.begin() as session:
        return len(import_pages.page(session, service.id, number=1, size=1))


def operations(url: str) -> set[str]:
    """What `/openapi.json` describes, as schemathesis names it."""
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}" for path, found in paths.items() for method in found.keys() & METHODS}


def test_every_answer_is_a_described_one(
    served: Served,
    names: dict[str, str],
    ground: Ground,
    service: Service,
    pytestconfig: pytest.Config,
    tmp_path: Path,
) -> None:
    done = tmp_path / "done"
    examples = pytestconfig.getoption("--fuzz-examples") or FEW_EXAMPLES
    seed = pytestconfig.getoption("--hypothesis-seed") or KNOWN_SEED
    command = [SCHEMATHESIS, "--config-file", CONFIGURATION, "run", f"{served.url}/openapi.json"]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--no-color"]

    run = subprocess.run(
        command,
        env=os.environ | names | {"DONE_OPERATIONS": str(done)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    # Of what it takes for valid some is refused for what it cannot know, but not all.
    assert imports_of(ground, service) > 0
    # Nor is any operation refused whatever is sent to it.
    assert operations(served.url) == set(done.read_text().splitlines())
