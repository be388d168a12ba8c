"""What kustomize makes of the base with an overlay, written as DEPLOY.md says."""

import re
import textwrap
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.manifests import DOCKER, VERSION, ingresses, made, manifests, name, needs_kustomize


@needs_kustomize
def test_an_overlay_with_the_ingress_is_one_that_kustomize_makes(tmp_path: Path):
    found = made(tmp_path, "ingress", namespace="ours")

    assert sorted(map(name, found)) == sorted(map(name, [*manifests(), *ingresses()]))


def patches() -> dict[str, Any]:
    """Those by which DEPLOY.md opens further ports."""
    page = (DOCKER / "DEPLOY.md").read_text()
    [block] = re.findall(r"^  ```yaml\n(  patches:\n.*?)^  ```", page, re.MULTILINE | re.DOTALL)
    return dict(yaml.safe_load(textwrap.dedent(block)))


@needs_kustomize
def test_an_overlay_opens_further_ports_as_the_page_says(tmp_path: Path):
    """PgBouncer, which GROWTH.md recommends, was out of reach, and nobody told where to change that."""
    found = made(tmp_path, **patches())

    [policy] = [each for each in found if name(each) == "NetworkPolicy/longshore"]
    kubernetes_validate.validate(policy, VERSION, strict=True)
    [rule] = [each for each in policy["spec"]["egress"] if {"port": 5432} in each["ports"]]
    assert {6432, 6380, 9000} < {each["port"] for each in rule["ports"]}
