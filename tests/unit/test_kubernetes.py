"""The manifests fit the schemas of Kubernetes and each other, and name settings that there are."""

import re
from ipaddress import ip_address, ip_network

import kubernetes_validate
import pytest
import yaml

from shared.settings import Settings
from tests.manifests import BASE, DOCKER, PROXIES, SECRETS, VERSION, Manifest, manifests, name, of_kind, pod


def labels() -> list[dict[str, str]]:
    """Of each kind of pod."""
    pods = [each for each in manifests() if each["kind"] in ("Deployment", "Job")]
    return [each["spec"]["template"]["metadata"]["labels"] for each in pods]


def test_every_file_is_named_by_the_kustomization():
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    [generator] = kustomization["configMapGenerator"]

    named = {*kustomization["resources"], *generator["envs"], "kustomization.yaml"}

    assert {path.name for path in BASE.iterdir() if path.is_file()} == named


@pytest.mark.parametrize("manifest", [pytest.param(each, id=name(each)) for each in [*manifests(), PROXIES]])
def test_a_manifest_fits_its_schema(manifest: Manifest):
    if manifest["kind"] == "ScaledObject":
        pytest.skip("KEDA's own kind has no schema among those of Kubernetes")

    kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("manifest", of_kind("HorizontalPodAutoscaler", "ScaledObject"))
def test_what_is_scaled_is_there_and_does_not_count_itself(manifest: Manifest):
    target = manifest["spec"]["scaleTargetRef"]["name"]

    [found] = [each for each in manifests() if name(each) == f"Deployment/{target}"]

    assert "replicas" not in found["spec"]


def test_what_there_is_several_of_goes_one_at_a_time():
    """A budget for beat, of which there is one, would keep its node from being drained."""
    budgets = [each["spec"] for each in manifests() if each["kind"] == "PodDisruptionBudget"]
    several = [
        each for each in manifests() if each["kind"] == "Deployment" and "replicas" not in each["spec"]
    ]

    assert [each["maxUnavailable"] for each in budgets] == [1, 1]
    assert [each["selector"] for each in budgets] == [each["spec"]["selector"] for each in several]


@pytest.mark.parametrize("manifest", of_kind("PodDisruptionBudget", "Service", "NetworkPolicy", "Deployment"))
def test_what_is_selected_is_there(manifest: Manifest):
    spec = manifest["spec"]
    selector = spec.get("podSelector") or spec["selector"]

    if "matchExpressions" in selector:
        [expression] = selector["matchExpressions"]
        assert {each[expression["key"]] for each in labels()} == {*expression["values"]}
    else:
        assert selector.get("matchLabels", selector) in labels()


def test_proxies_are_pods_of_the_namespace_that_is_let_in():
    """A name that led to the service's own address, as it usually does, would lead to no peer's."""
    [policy] = [each for each in manifests() if name(each) == "NetworkPolicy/longshore-api"]
    [rule] = policy["spec"]["ingress"]
    [admitted] = rule["from"]

    assert admitted["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": PROXIES["metadata"]["namespace"]
    }
    assert PROXIES["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_pods_do_not_reach_where_a_cloud_tells_credentials(address: str):
    [policy] = [each for each in manifests() if name(each) == "NetworkPolicy/longshore"]
    rules = [each for each in policy["spec"]["egress"] if {port["port"] for port in each["ports"]} != {53}]

    blocks = [place["ipBlock"] for rule in rules for place in rule["to"] if "ipBlock" in place]

    assert blocks
    assert not [block for block in blocks if reaches(block, address)]


def test_the_page_tells_which_ports_are_open():
    [policy] = [each for each in manifests() if name(each) == "NetworkPolicy/longshore"]
    [rule] = [each for each in policy["spec"]["egress"] if {"port": 5432} in each["ports"]]
    told = re.search(r"Ports are the usual ones \(([^)]*)\)", (DOCKER / "DEPLOY.md").read_text())

    assert told
    assert [int(port) for port in re.findall(r"\d+", told[1])] == [each["port"] for each in rule["ports"]]


def reaches(block: Manifest, address: str) -> bool:
    found = ip_address(address)
    excepted = [ip_network(each) for each in block["except"]]
    return found in ip_network(block["cidr"]) and not any(found in each for each in excepted)


def test_a_worker_is_added_for_as_many_wanted_processes_as_it_has():
    [scaled] = [each["spec"] for each in manifests() if each["kind"] == "ScaledObject"]
    [worker] = [each for each in manifests() if name(each) == "Deployment/longshore-worker"]
    [container] = pod(worker)["containers"]
    [processes] = [each["value"] for each in container["env"] if each["name"] == "LONGSHORE_WORKER_PROCESSES"]

    [trigger] = scaled["triggers"]

    assert "longshore_wanted_processes" in trigger["metadata"]["query"]
    assert trigger["metadata"]["threshold"] == processes


def test_workers_do_not_become_fewer_where_nobody_tells_what_waits():
    """By default KEDA takes an empty answer for zero, so that its fallback meant nothing."""
    [scaled] = [each["spec"] for each in manifests() if each["kind"] == "ScaledObject"]

    assert [trigger["metadata"]["ignoreNullValues"] for trigger in scaled["triggers"]] == ["false"]
    assert scaled["fallback"]["replicas"] > scaled["minReplicaCount"]


@pytest.mark.parametrize("service", ["api", "worker", "beat", "migrate", "cli"])
def test_the_settings_in_the_compose_file_are_settings_of_longshore(service: str):
    found = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"][service]
    # What nobody set in the environment of Compose has its default, or none and is not passed on.
    given = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        for name, value in found["environment"].items()
        if value is not None
    }
    given = {name: value for name, value in given.items() if "${" not in value} | SECRETS

    assert Settings.read(given).trusted_proxies == ("balancer",)
