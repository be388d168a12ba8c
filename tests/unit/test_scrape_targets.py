"""What Prometheus is told to ask, and with which token, is what the containers and pods answer to."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.metrics import is_admitted
from tests.manifests import made, needs_kustomize
from tests.scraping import PATH, TOKEN

DOCKER = Path(__file__).resolve().parents[2] / "docker"
WATCHING = (DOCKER / "WATCHING.md").read_text()
SCRAPE = yaml.safe_load((DOCKER / "prometheus/scrape.yaml").read_text())
JOBS = [pytest.param(job, id=job["job_name"]) for job in SCRAPE["scrape_configs"]]
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
COMPONENT = DOCKER / "kubernetes/monitoring"
PODS = ["api", "worker", "beat"]

Manifest = dict[str, Any]


def manifests(folder: Path) -> list[Manifest]:
    named = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [found for name in named for found in yaml.safe_load_all((folder / name).read_text())]


def the(kind: str, name: str, folder: Path = DOCKER / "kubernetes") -> Manifest:
    [found] = [each for each in manifests(folder) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def bound_port(command: list[str]) -> int:
    """Where gunicorn listens."""
    return int(command[command.index("--bind") + 1].rpartition(":")[2])


def run_in_watching(program: str) -> str:
    """The command of WATCHING.md that ends with, or begins with, this program."""
    [block] = [each for each in re.findall(r"```sh\n(.*?)```", WATCHING, re.DOTALL) if program in each]
    return block


def told_port(job: Manifest) -> int:
    """The port of a job's own service, by the same settings as WATCHING.md tells."""
    [service] = job["dns_sd_configs"][0]["names"]
    if service == "api":
        return bound_port(COMPOSE[service]["command"])
    [port] = re.findall(r"`LONGSHORE_METRICS_PORT=(\d+)`", WATCHING)
    assert "LONGSHORE_METRICS_PORT" in COMPOSE[service]["environment"]
    return int(port)


def test_each_kind_of_container_that_counts_is_asked():
    asked = [name for job in SCRAPE["scrape_configs"] for name in job["dns_sd_configs"][0]["names"]]

    assert sorted(asked) == sorted(PODS)


@pytest.mark.parametrize("job", JOBS)
def test_a_container_is_asked_where_it_answers(job: Manifest):
    [place] = job["dns_sd_configs"]
    [service] = place["names"]

    assert (job["metrics_path"], place["type"], place["port"]) == (PATH, "A", told_port(job))
    assert "LONGSHORE_METRICS_TOKEN" in COMPOSE[service]["environment"]


@pytest.mark.parametrize("job", JOBS)
def test_prometheus_runs_where_it_reaches_the_container_with_the_files_that_it_is_told(job: Manifest):
    words = shlex.split(run_in_watching("prom/prometheus").replace("$PWD/docker", str(DOCKER)))
    [service] = job["dns_sd_configs"][0]["names"]
    token = job["authorization"]["credentials_file"]

    network = words[words.index("--network") + 1]

    assert network.removeprefix("longshore_") in COMPOSE[service]["networks"]
    assert f"{DOCKER}/prometheus:/etc/prometheus:ro" in words
    assert f">docker/prometheus/{token}" in words
    assert "--config.file=/etc/prometheus/scrape.yaml" in words
    assert all((DOCKER / "prometheus" / name).exists() for name in SCRAPE["rule_files"])


def test_a_token_beside_the_configuration_is_never_committed():
    tokens = {job["authorization"]["credentials_file"] for job in SCRAPE["scrape_configs"]}

    ignored = (DOCKER.parent / ".gitignore").read_text().splitlines()

    assert {f"docker/prometheus/{token}" for token in tokens} <= set(ignored)


def endpoint_of(pod: str) -> tuple[Manifest, Manifest]:
    """The container of this kind of pod, and the one endpoint that the operator finds in it."""
    [container] = the("Deployment", f"longshore-{pod}")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    endpoints = the("PodMonitor", "longshore", COMPONENT)["spec"]["podMetricsEndpoints"]
    [endpoint] = [each for each in endpoints if each["port"] in ports]
    return container, endpoint


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_is_asked_where_it_answers(pod: str):
    container, endpoint = endpoint_of(pod)
    [port] = [each["containerPort"] for each in container["ports"] if each["name"] == endpoint["port"]]
    own = {each["name"]: each["value"] for each in container["env"]}

    answering = bound_port(container["args"]) if pod == "api" else int(own["LONGSHORE_METRICS_PORT"])

    assert (endpoint["path"], port) == (PATH, answering)


@pytest.mark.parametrize("pod", PODS)
def test_the_token_of_a_pod_is_the_one_that_it_knows(pod: str):
    container, endpoint = endpoint_of(pod)
    credentials = endpoint["authorization"]["credentials"]

    assert {"secretRef": {"name": credentials["name"]}} in container["envFrom"]
    assert credentials["key"] == "LONGSHORE_METRICS_TOKEN"


@pytest.mark.parametrize("pod", PODS)
def test_prometheus_is_let_in_to_each_pod_that_it_selects(pod: str):
    [selected] = the("PodMonitor", "longshore", COMPONENT)["spec"]["selector"]["matchExpressions"]
    labels = the("Deployment", f"longshore-{pod}")["spec"]["template"]["metadata"]["labels"]
    container, endpoint = endpoint_of(pod)
    [port] = [each["containerPort"] for each in container["ports"] if each["name"] == endpoint["port"]]

    [rule] = the("NetworkPolicy", "longshore")["spec"]["ingress"]

    assert labels[selected["key"]] in selected["values"]
    assert {"port": port} in rule["ports"]
    assert "monitoring" in str(rule["from"])


@pytest.mark.parametrize(
    "asked",
    [
        *(job["authorization"] for job in SCRAPE["scrape_configs"]),
        *(endpoint_of(pod)[1]["authorization"] for pod in PODS),
    ],
)
def test_what_prometheus_sends_with_the_token_is_what_admits(asked: Manifest):
    assert is_admitted(f"{asked['type']} {TOKEN}", TOKEN)


def test_the_base_has_no_kind_that_only_the_operator_of_prometheus_brings():
    kinds = {each["apiVersion"] for each in manifests(DOCKER / "kubernetes")}

    assert not [kind for kind in kinds if kind.startswith("monitoring.coreos.com/")]


def test_the_rules_become_those_of_the_operator():
    command = run_in_watching("kubectl").replace("kubectl apply -f -", "cat")

    made = subprocess.run(
        ["sh", "-c", command], cwd=DOCKER.parent, check=True, capture_output=True, text=True
    )

    rule = yaml.safe_load(made.stdout)
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((DOCKER / "prometheus/alerts.yaml").read_text())


@needs_kustomize
def test_an_overlay_with_the_component_is_one_that_kustomize_makes(tmp_path: Path):
    kinds = [each["kind"] for each in made(tmp_path, "monitoring", namespace="ours")]

    assert kinds.count("PodMonitor") == 1
    assert len(kinds) == len(made(tmp_path)) + 1
