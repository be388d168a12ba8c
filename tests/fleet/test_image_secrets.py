"""What the image is made with and does not keep: the password of an index, its certificates, our settings."""

import gzip
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleet.containers import CHECKOUT, DOCKER, docker
from tests.fleet.package_index import PackageIndex, file_name, package_index, wheel
from tests.supplies.images import read_fleet_images

STAGES = ("packages", "build")  # of the Dockerfile, before the image itself
BUILD_SECONDS = 300
# A project of nothing, whose wheel is there already.
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["shared"]\n'
BACKEND = f"""
import shutil

def build_wheel(folder, *_):
    shutil.copy("shared/{file_name("longshore")}", folder)
    return "{file_name("longshore")}"
"""


@dataclass(frozen=True)
class Image:
    """What Docker tells of it, and every byte of its layers and its configuration."""

    told: str
    contents: list[bytes]

    def holds(self, secret: str) -> bool:
        return secret in self.told or any(secret.encode() in content for content in self.contents)


@dataclass(frozen=True)
class Built:
    """The image, the stages of its making, and what went into them."""

    image: Image
    packages: Image
    build: Image
    password: str
    credentials: str
    certificate: str
    setting: str


@pytest.fixture(scope="module")
def built(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("image")
    setting = secrets.token_hex(16)
    with package_index("setuptools", "vega-datasets", "a-package") as index:
        bundle = write_context(folder, index, setting)
        with images(folder, index.url) as made:
            packages, build, image = (look_into(each, folder) for each in made)
            certificate = bundle.splitlines()[1]
            yield Built(image, packages, build, index.password, index.credentials, certificate, setting)


def write_context(folder: Path, index: PackageIndex, setting: str) -> str:
    """What the Dockerfile is made for, as small as can be; the certificates that are to be trusted."""
    for name in ("api", "shared", "workers", "requirements", "docker"):
        (folder / name).mkdir()
    shutil.copy(DOCKER / "Dockerfile", folder / "docker")
    shutil.copy(DOCKER.parent / ".dockerignore", folder)
    (folder / "requirements/runtime.txt").write_text(index.pinned("a-package"))
    (folder / "requirements/dev.txt").write_text(index.pinned("setuptools", "vega-datasets"))
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "shared/backend.py").write_text(BACKEND)
    (folder / "shared" / file_name("longshore")).write_bytes(wheel("longshore"))
    (folder / "docker/.env").write_text(f"POSTGRES_PASSWORD={setting}\n")
    bundle = index.authority.cert_pem.bytes().decode()
    (folder / "docker/ca-bundle.crt").write_text(bundle)
    return bundle


@contextmanager
def images(folder: Path, index_url: str) -> Iterator[list[str]]:
    """Those of the stages and the last one, until the body ends."""
    name = f"{CHECKOUT}-secrets"
    made = [f"{name}:{stage}" for stage in (*STAGES, "latest")]  # a name without a tag would save all of them
    python = f"PYTHON_IMAGE={read_fleet_images(os.environ).python}"
    given = ("--network=host", "--build-arg", python, "--build-arg", f"PIP_INDEX_URL={index_url}")
    try:
        for image, stage in zip(made, (*STAGES, None), strict=True):
            target = ("--target", stage) if stage else ()
            file = ("--file", str(folder / "docker/Dockerfile"))
            docker("build", *file, "--tag", image, *target, *given, str(folder), seconds=BUILD_SECONDS)
        yield made
    finally:
        subprocess.run(["docker", "rmi", "--force", *made], check=False, capture_output=True)


def look_into(image: str, folder: Path) -> Image:
    saved = folder / "image.tar"
    docker("save", "--output", str(saved), image)
    told = docker("inspect", image) + docker("history", "--no-trunc", image)
    with tarfile.open(saved) as tar:
        contents = [_unpacked(file.read()) for member in tar if (file := tar.extractfile(member))]
    saved.unlink()
    return Image(told, contents)


def _unpacked(content: bytes) -> bytes:
    """Some engines pack layers."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def test_the_first_stage_had_the_password_and_the_certificates(built: Built):
    """Whoever looks for them in the image would find them there."""
    assert built.packages.holds(built.password)
    assert built.packages.holds(built.certificate)


def test_the_image_holds_neither_the_password_nor_the_certificates(built: Built):
    looked_for = (built.password, built.credentials, built.certificate)

    assert [built.image.holds(secret) for secret in looked_for] == [False] * 3


def test_the_passwords_of_a_fleet_beside_it_do_not_even_get_into_a_stage(built: Built):
    stages = (built.packages, built.build, built.image)

    assert [stage.holds(built.setting) for stage in stages] == [False] * 3


def test_the_image_has_what_was_installed(built: Built):
    names = ("a_package", "vega_datasets", "longshore")

    assert [name for name in names if not built.image.holds(f"{name}-1.dist-info/METADATA")] == []
