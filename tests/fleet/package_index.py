"""An index of packages as a site has its own: by TLS of its own authority, and with a password."""

import base64
import hashlib
import io
import secrets
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZipFile

import trustme

from tests.threaded import in_thread

_METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def file_name(package: str) -> str:
    """Of its wheel."""
    return f"{package.replace('-', '_')}-1-py3-none-any.whl"


def wheel(package: str) -> bytes:
    """Version 1 of a package in which nothing is, the same each time."""
    content = io.BytesIO()
    folder = f"{package.replace('-', '_')}-1.dist-info"
    with ZipFile(content, "w") as archive:
        archive.writestr(f"{folder}/METADATA", _METADATA.format(package))
        archive.writestr(f"{folder}/WHEEL", _WHEEL)
        archive.writestr(f"{folder}/RECORD", "")
    return content.getvalue()


class PackageIndex(ThreadingHTTPServer):
    """Has these packages, for whoever knows the password and trusts the authority."""

    user = "a-user"

    def __init__(self, packages: Iterable[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.password = secrets.token_hex(16)
        self.authority = trustme.CA()
        self.wheels = {package: wheel(package) for package in packages}
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://{self.user}:{self.password}@127.0.0.1:{self.server_port}/simple"

    @property
    def credentials(self) -> str:
        """As they go over the wire."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def pinned(self, *packages: str) -> str:
        """Lines of requirements."""
        digests = {package: hashlib.sha256(self.wheels[package]).hexdigest() for package in packages}
        return "".join(
            f"{package}==1 \\\n    --hash=sha256:{digest}\n" for package, digest in digests.items()
        )

    def found(self, path: str) -> bytes | None:
        """A package's page, or its wheel."""
        _, kind, name, *_ = (*path.split("/"), "", "")
        if kind == "simple" and name in self.wheels:
            return f'<a href="/files/{file_name(name)}">{file_name(name)}</a>'.encode()
        named = {file_name(package): content for package, content in self.wheels.items()}
        return named.get(name) if kind == "files" else None


class _Handler(BaseHTTPRequestHandler):
    server: PackageIndex

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Basic {self.server.credentials}":
            self._answer(401, b"")
            return
        content = self.server.found(self.path)
        self._answer(404 if content is None else 200, content or b"")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/zip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def package_index(*packages: str) -> Iterator[PackageIndex]:
    """An index for as long as the body runs."""
    with in_thread(PackageIndex(packages)) as index:
        yield index
