"""The manifests in docker/kubernetes, as they stand in their files and as kustomize makes them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).resolve().parents[1] / "docker"
BASE = DOCKER / "kubernetes"
VERSION = "1.32"  # of Kubernetes, whose schemas they are to fit

Manifest = dict[str, Any]

SECRETS = {  # which each site has of its own
    "DATABASE_URL": "postgresql://longshore:secret@db/longshore",
    "REDIS_URL": "redis://:secret@redis",
    "LONGSHORE_METRICS_TOKEN": "of-sixteen-characters",
}
PROXIES: Manifest = yaml.safe_load((BASE / "ingress-nginx/proxies.yaml").read_text())

needs_kustomize = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def manifests() -> list[Manifest]:
    """Of the base."""
    named = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    return [found for file in named for found in yaml.safe_load_all((BASE / file).read_text())]


def settings() -> dict[str, str]:
    """Of the base, of which kustomize makes a ConfigMap."""
    lines = (BASE / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def ingresses() -> list[Manifest]:
    """Of the component for ingress-nginx."""
    return [*yaml.safe_load_all((BASE / "ingress/ingress.yaml").read_text())]


def name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def pod(manifest: Manifest) -> Manifest:
    return manifest["spec"]["template"]["spec"]


def of_kind(*kinds: str) -> list[Any]:
    return [pytest.param(found, id=name(found)) for found in manifests() if found["kind"] in kinds]


def made(folder: Path, *components: str, **overlay: object) -> list[Manifest]:
    """What kustomize makes of the base with these components and this overlay, written to an empty folder."""
    base = os.path.relpath(BASE, folder.resolve())
    whole = {"resources": [base], "components": [f"{base}/{each}" for each in components], **overlay}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(whole))
    told = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True)
    return [*yaml.safe_load_all(told.stdout)]
