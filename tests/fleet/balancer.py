"""The balancer of docker/haproxy.cfg alone, in front of an API that only tells what reached it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fleet.containers import CHECKOUT, DOCKER, PROJECT_LABEL, docker, remove_project

NAME = f"{CHECKOUT}-balancer"

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
        self.url = "http://" + docker("port", name, "8080").splitlines()[0]

    def log(self) -> str:
        done = subprocess.run(["docker", "logs", self._name], check=True, text=True, capture_output=True)
        return done.stdout + done.stderr


@contextmanager
def a_balancer(images: dict[str, str]) -> Iterator[Balancer]:
    """Both containers on a network of their own; gone at the end."""
    name, api = NAME, f"{NAME}-api"
    label = f"{PROJECT_LABEL}={name}"
    configuration = f"{DOCKER / 'haproxy.cfg'}:/etc/haproxy/haproxy.cfg:ro"
    common = ("run", "--detach", "--network", name, "--label", label, "--name")
    program = ("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg")
    published = ("--publish", "127.0.0.1::8080", "--volume", configuration)
    remove_project(name)
    try:
        docker("network", "create", "--label", label, name)
        docker(*common, api, "--network-alias", "api", images["PYTHON_IMAGE"], "python3", "-c", ECHO)
        docker(*common, name, *published, images["HAPROXY_IMAGE"], *program)
        yield Balancer(name, api)
    finally:
        remove_project(name)
