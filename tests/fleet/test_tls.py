"""The load balancer with a certificate: what comes by TLS is passed on, what comes in the clear is not."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme

from tests.acceptance.waiting import wait_for
from tests.fleet.clients import IMPORTS
from tests.fleet.containers import Fleet, docker

LINES = b'{"documentid":"1"}\n{"documentid":"2"}\n'
START_SECONDS = 120


@dataclass(frozen=True)
class Balancer:
    """Where it answers, and where it has its certificate."""

    secure: httpx.Client
    plain: httpx.Client
    container: str
    certificates: Path

    def certificate(self) -> str:
        """The one that it shows; empty while it takes no connection."""
        url = self.secure.base_url
        with suppress(OSError):
            return ssl.get_server_certificate((url.host, url.port or 443), timeout=10)
        return ""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def balancer(
    fleet: Fleet, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Balancer]:
    """One more balancer before the fleet's APIs, which has a certificate."""
    folder = tmp_path_factory.mktemp("certificates")
    write_certificate(authority, folder)
    environment = {"TLS_CERTIFICATES": str(folder), "FLEET_TLS_PORT": str(free_port())}
    run = ("compose", "run", "--detach", "--rm", "--no-deps", "--service-ports", "balancer")
    container = fleet.run(*run, **environment).split()[-1]
    context = ssl.create_default_context()
    authority.configure_trust(context)
    given = {"headers": {"Authorization": f"Bearer {fleet.token}"}, "trust_env": False, "timeout": 60}
    try:
        with (
            httpx.Client(base_url=f"https://{address(container, 8443)}", verify=context, **given) as secure,
            httpx.Client(base_url=f"http://{address(container, 8080)}", **given) as plain,
        ):
            wait_until_ready(secure)
            yield Balancer(secure, plain, container, folder)
    finally:
        docker("rm", "--force", container)


def free_port() -> int:
    """One that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def write_certificate(authority: trustme.CA, folder: Path) -> None:
    """Readable by the balancer's own user."""
    path = folder / "localhost.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    for made in (folder, path):
        made.chmod(0o755)


def address(container: str, port: int) -> str:
    return docker("port", container, str(port)).splitlines()[0]


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = client.get("/health/ready")
        except httpx.TransportError as error:
            answer = httpx.Response(503, text=str(error))
        if answer.is_success:
            return
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def test_blocks_come_by_tls(balancer: Balancer, collection: str):
    configuration = {"strategy": ["create"], "collection": collection}
    made = balancer.secure.post(IMPORTS, json=configuration).raise_for_status().json()
    headers = {"Content-Type": "application/x-ndjson"}

    blocks = f"{IMPORTS}/{made['importid']}/blocks"
    sent = balancer.secure.post(blocks, content=LINES, headers=headers).raise_for_status()

    found = balancer.secure.get(f"{blocks}/{sent.json()['blockid']}")
    assert found.content == LINES


def test_a_renewed_certificate_is_shown_at_a_signal_while_an_upload_goes_on(
    balancer: Balancer, authority: trustme.CA, collection: str
):
    configuration = {"strategy": ["create"], "collection": collection}
    made = balancer.secure.post(IMPORTS, json=configuration).raise_for_status().json()
    old = balancer.certificate()

    def lines() -> Iterator[bytes]:
        yield LINES
        write_certificate(authority, balancer.certificates)
        docker("kill", "--signal", "USR2", balancer.container)
        wait_for(lambda: balancer.certificate() not in (old, ""))
        yield LINES

    headers = {"Content-Type": "application/x-ndjson"}
    sent = balancer.secure.post(f"{IMPORTS}/{made['importid']}/blocks", content=lines(), headers=headers)

    assert sent.is_success, sent.text
    wait_until_ready(balancer.secure)
    assert balancer.secure.get(f"{sent.request.url}/{sent.json()['blockid']}").content == 2 * LINES


def test_who_reads_in_the_clear_is_led_to_https(balancer: Balancer):
    """The port stayed that of those who come in the clear."""
    answer = balancer.plain.get(f"{IMPORTS}?page=1")

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{balancer.secure.base_url}{IMPORTS}?page=1"
    assert balancer.secure.get(answer.headers["Location"]).is_success


def test_who_writes_in_the_clear_is_refused(balancer: Balancer, collection: str):
    answer = balancer.plain.post(IMPORTS, json={"strategy": ["create"], "collection": collection})

    assert answer.status_code == 403
    assert "send it by https" in answer.text
    assert balancer.secure.get(IMPORTS).json()["data"][0]["collection"] != collection


def test_health_can_be_looked_at_in_the_clear(balancer: Balancer):
    assert balancer.plain.get("/health/ready").status_code == 200


def test_a_certificate_that_nobody_vouches_for_is_noticed(balancer: Balancer):
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(balancer.secure.base_url.join("/health/live"), trust_env=False, timeout=60)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(balancer: Balancer, authority: trustme.CA):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")

    # The balancer's own answer: this side would go on.
    with pytest.raises(httpx.ConnectError, match="ALERT_PROTOCOL_VERSION"):
        httpx.get(balancer.secure.base_url.join("/health/live"), verify=context, trust_env=False, timeout=60)
