"""The balancer of docker/haproxy.cfg alone, in front of an API that only tells what reached it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from socket import create_connection

import httpx

from tests.fleet.containers import CHECKOUT, DOCKER, PROJECT_LABEL, docker, remove_project

NAME = f"{CHECKOUT}-balancer"
FILES = ("haproxy.cfg", "problems")

# Tells the headers of a request as they came.
ECHO = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(self.headers.items()).encode()
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

    def told(self, said: bytes) -> httpx.Response:
        """The answer to these bytes, whether they are a request or not."""
        host, _, port = self.address.partition(":")
        with create_connection((host, int(port)), timeout=60) as client:
            client.sendall(said)
            with HTTPResponse(client) as answer:
                answer.begin()
                return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())

    def log(self) -> str:
        done = subprocess.run(["docker", "logs", self._name], check=True, text=True, capture_output=True)
        return done.stdout + done.stderr


@contextmanager
def a_balancer(images: dict[str, str]) -> Iterator[Balancer]:
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
        docker(*common, api, "--network-alias", "api", images["PYTHON_IMAGE"], "python3", "-c", ECHO)
        docker(*common, name, *published, images["HAPROXY_IMAGE"], *program)
        yield Balancer(name, api)
    finally:
        remove_project(name)
