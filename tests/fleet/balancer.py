"""The balancer of docker/haproxy.cfg alone, in front of an API that only tells what reached it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from socket import create_connection

import httpx

from tests.fleet.containers import CHECKOUT, DOCKER, PROJECT_LABEL, docker, remove_project, said
from tests.supplies.images import FleetImages

NAME = f"{CHECKOUT}-balancer"
FILES = ("haproxy.cfg", "problems")

# Tells the headers of a request as they came, or how many bytes its body had, which it takes slowly: whoever
# sends is faster, and who buffered that would need as much memory as the body has.
ECHO = """
import json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.tell(self.headers.items())

    def do_POST(self):
        length, taken = int(self.headers["Content-Length"]), 0
        while taken < length and (piece := self.rfile.read(min(1 << 20, length - taken))):
            taken += len(piece)
            time.sleep(0.03)
        self.tell(taken)

    def tell(self, found):
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8000), Echo).serve_forever()
"""


class Balancer:
    """A running one; `api` is the container behind it."""

    def __init__(self, name: str, api: str) -> None:
        self.api = api
        self._name = name
        self.address = docker("port", name, "8080").splitlines()[0]
        self.url = f"http://{self.address}"

    def version(self) -> tuple[int, ...]:
        """Of HAProxy, such as (3, 2, 4)."""
        told = docker("exec", self._name, "haproxy", "-v")
        return tuple(map(int, re.findall(r"\d+", told)[:3]))

    def told(self, words: bytes) -> httpx.Response:
        """The answer to these bytes, whether they are a request or not."""
        host, _, port = self.address.partition(":")
        with create_connection((host, int(port)), timeout=60) as client:
            client.sendall(words)
            with HTTPResponse(client) as answer:
                answer.begin()
                return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())

    def log(self) -> str:
        return said(self._name)

    def peak_bytes(self) -> int:
        """The most memory that its processes have had so far."""
        told = docker("exec", self._name, "sh", "-c", "cat /proc/[0-9]*/status || true")
        own = [process for process in told.split("Name:") if process.lstrip().startswith("haproxy\n")]
        return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", process)[0]) * 1024 for process in own)


@contextmanager
def a_balancer(images: FleetImages) -> Iterator[Balancer]:
    """Both containers on a network of their own; gone at the end."""
    name, api = NAME, f"{NAME}-api"
    label = f"{PROJECT_LABEL}={name}"
    files = [word for name in FILES for word in ("--volume", f"{DOCKER / name}:/etc/haproxy/{name}:ro")]
    common = ("run", "--detach", "--network", name, "--label", label, "--name")
    program = ("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg")
    published = ("--publish", "127.0.0.1::8080", *files)
    remove_project(name)
    try:
        docker("network", "create", "--label", label, name)
        docker(*common, api, "--network-alias", "api", images.python, "python3", "-c", ECHO)
        docker(*common, name, *published, images.haproxy, *program)
        yield Balancer(name, api)
    finally:
        remove_project(name)
