"""What kustomize makes of the base with an overlay, written as DEPLOY.md says."""

import re
import textwrap
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.manifests import DOCKER, VERSION, ingresses, made, manifests, name, needs_kustomize, pod

PAGE = (DOCKER / "DEPLOY.md").read_text()


@needs_kustomize
def test_an_overlay_with_the_ingress_is_one_that_kustomize_makes(tmp_path: Path):
    found = made(tmp_path, "ingress", namespace="ours")

    assert sorted(map(name, found)) == sorted(map(name, [*manifests(), *ingresses()]))


def overlay() -> dict[str, Any]:
    """The one that DEPLOY.md shows, but for where the base is."""
    [block] = re.findall(r"^```yaml\n(namespace:.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return {key: value for key, value in yaml.safe_load(block).items() if key != "resources"}


@needs_kustomize
def test_an_overlay_names_its_image_as_the_page_says(tmp_path: Path):
    """The base had renamed it already: what an overlay said of `longshore` changed nothing, and nobody told."""
    [image] = overlay()["images"]

    pods = [pod(each) for each in made(tmp_path, **overlay()) if each["kind"] in ("Deployment", "Job")]

    named = {container["image"] for each in pods for container in each["containers"]}
    assert named == {f"{image['newName']}:{image['newTag']}"}


def patches() -> dict[str, Any]:
    """Those by which DEPLOY.md opens further ports."""
    [block] = re.findall(r"^  ```yaml\n(  patches:\n.*?)^  ```", PAGE, re.MULTILINE | re.DOTALL)
    return dict(yaml.safe_load(textwrap.dedent(block)))


@needs_kustomize
def test_an_overlay_opens_further_ports_as_the_page_says(tmp_path: Path):
    """PgBouncer, which GROWTH.md recommends, was out of reach, and nobody told where to change that."""
    found = made(tmp_path, **patches())

    [policy] = [each for each in found if name(each) == "NetworkPolicy/longshore"]
    kubernetes_validate.validate(policy, VERSION, strict=True)
    [rule] = [each for each in policy["spec"]["egress"] if {"port": 5432} in each["ports"]]
    assert {6432, 6380, 9000} < {each["port"] for each in rule["ports"]}
