"""What kustomize makes of the base with an overlay, written as DEPLOY.md says."""

import re
import textwrap
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.manifests import (
    DOCKER,
    VERSION,
    Manifest,
    ingresses,
    made,
    manifests,
    name,
    needs_kustomize,
    pod,
    settings,
)

PAGE = (DOCKER / "DEPLOY.md").read_text()


@needs_kustomize
def test_an_overlay_with_the_ingress_is_one_that_kustomize_makes(tmp_path: Path):
    found = made(tmp_path, "ingress", namespace="ours")

    written = [name(each) for each in found if each["kind"] != "ConfigMap"]
    assert sorted(written) == sorted(map(name, [*manifests(), *ingresses()]))


def overlay() -> dict[str, Any]:
    """The one that DEPLOY.md shows, but for where the base is."""
    [block] = re.findall(r"^```yaml\n(namespace:.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return {key: value for key, value in yaml.safe_load(block).items() if key != "resources"}


def pods(found: list[Manifest]) -> list[Manifest]:
    return [pod(each) for each in found if each["kind"] in ("Deployment", "Job")]


@needs_kustomize
def test_an_overlay_names_its_image_as_the_page_says(tmp_path: Path):
    """The base had renamed it already: what an overlay said of `longshore` changed nothing."""
    [image] = overlay()["images"]

    found = made(tmp_path, **overlay())

    named = {container["image"] for each in pods(found) for container in each["containers"]}
    assert named == {f"{image['newName']}:{image['newTag']}"}


@needs_kustomize
def test_an_overlay_names_its_settings_as_the_page_says(tmp_path: Path):
    [generator] = overlay()["configMapGenerator"]
    own = dict(each.split("=", 1) for each in generator["literals"])

    found = made(tmp_path, **overlay())

    [told] = [each for each in found if each["kind"] == "ConfigMap"]
    assert told["data"] == settings() | own
    assert [sources(each)[0] for each in pods(found)] == [
        {"configMapRef": {"name": told["metadata"]["name"]}}
    ] * 4


@needs_kustomize
def test_settings_that_change_reach_the_pods_that_run(tmp_path: Path):
    """They stood in a ConfigMap of the same name, which a container reads once, at its start."""
    changed = {"name": "longshore", "behavior": "merge", "literals": ["LONGSHORE_LOG_LEVEL=debug"]}

    before = pods(made(tmp_path))
    after = pods(made(tmp_path, configMapGenerator=[changed]))

    assert [each == other for each, other in zip(before, after, strict=True)] == [False] * 4


def test_the_migration_of_the_release_before_makes_way():
    """A Job's image cannot be changed: the next release was refused its own, for which its pods wait."""
    [[namespace, named]] = re.findall(r"`kubectl -n (\S+) delete job (\S+) --ignore-not-found`", PAGE)
    [job] = [each["metadata"] for each in manifests() if each["kind"] == "Job"]

    assert (namespace, named) == (overlay()["namespace"], job["name"])
    assert job["annotations"] == {
        "argocd.argoproj.io/hook": "Sync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
        "kustomize.toolkit.fluxcd.io/force": "enabled",
    }


def sources(found: Manifest) -> list[Manifest]:
    [container] = found["containers"]
    return [*container["envFrom"]]


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
