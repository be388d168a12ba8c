"""What a pod begins with: settings, rights, time for its probes."""

import re
from collections.abc import Iterator

import pytest

from api.http.gunicorn import threads
from shared.settings import MIB, Settings
from shared.storage.bucket_writer import PART_BYTES, PARTS_AT_ONCE
from tests.manifests import PROXIES, SECRETS, Manifest, manifests, name, of_kind, pod, settings


def links(manifest: Manifest) -> dict[str, str]:
    """What the kubelet adds to a pod's environment for each service beside it, unless that is switched off.

    The service is called as its settings begin: no pod got beyond LONGSHORE_SERVICE_HOST, which is none.
    """
    if not pod(manifest).get("enableServiceLinks", True):
        return {}
    return dict(link for each in manifests() if each["kind"] == "Service" for link in links_to(each))


def links_to(service: Manifest) -> Iterator[tuple[str, str]]:
    own = service["metadata"]["name"].upper().replace("-", "_")
    [port] = service["spec"]["ports"]
    url = f"tcp://10.0.0.11:{port['port']}"
    yield f"{own}_SERVICE_HOST", "10.0.0.11"
    yield f"{own}_SERVICE_PORT", str(port["port"])
    yield f"{own}_SERVICE_PORT_{port['name'].upper()}", str(port["port"])
    yield f"{own}_PORT", url
    yield f"{own}_PORT_{port['port']}_TCP", url
    yield f"{own}_PORT_{port['port']}_TCP_PROTO", "tcp"
    yield f"{own}_PORT_{port['port']}_TCP_PORT", str(port["port"])
    yield f"{own}_PORT_{port['port']}_TCP_ADDR", "10.0.0.11"


@pytest.mark.parametrize("manifest", of_kind("Deployment", "Job"))
def test_the_settings_of_a_pod_are_settings_of_longshore(manifest: Manifest):
    [container] = pod(manifest)["containers"]
    own = {each["name"]: each["value"] for each in container.get("env", [])}

    found = Settings.read(links(manifest) | SECRETS | settings() | own)

    assert found.trusted_proxies == ("{name}.{namespace}.svc".format_map(PROXIES["metadata"]),)


@pytest.mark.parametrize("manifest", of_kind("Deployment", "Job"))
def test_a_pod_needs_no_root_and_writes_to_no_image(manifest: Manifest):
    [container] = pod(manifest)["containers"]

    assert pod(manifest)["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not container["securityContext"]["allowPrivilegeEscalation"]


@pytest.mark.parametrize("manifest", of_kind("Deployment"))
def test_a_probe_that_runs_a_program_gives_it_time(manifest: Manifest):
    """By default a second, in which beat, with a twentieth of a processor, may not even have started it."""
    [container] = pod(manifest)["containers"]

    given = [
        probe.get("timeoutSeconds", 1)
        for key, probe in container.items()
        if "Probe" in key and "exec" in probe
    ]

    assert all(seconds >= 5 for seconds in given)


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_a_process_that_hangs_is_found(kind: str):
    [deployment] = [each for each in manifests() if name(each) == f"Deployment/longshore-{kind}"]
    [container] = pod(deployment)["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}

    [probe] = [probe for key, probe in container.items() if "Probe" in key]

    assert f"stat -c %Y {environment['LONGSHORE_PULSE_FILE']}" in probe["exec"]["command"][-1]


def test_an_api_has_memory_for_as_many_uploads_as_it_has_threads():
    """Of each to a bucket that is slower than its client a part is gathered while others are on their way."""
    [api] = [each for each in manifests() if name(each) == "Deployment/longshore-api"]
    [container] = pod(api)["containers"]
    [gibibytes] = re.findall(r"^(\d+)Gi$", container["resources"]["limits"]["memory"])

    uploads_bytes = threads * PART_BYTES * (1 + PARTS_AT_ONCE)

    assert uploads_bytes + 256 * MIB < int(gibibytes) * 1024 * MIB


def test_an_api_whose_threads_are_all_at_work_is_not_ended():
    """A probe by HTTP waits for a thread as requests do: 64 long uploads ended after a minute."""
    [api] = [each for each in manifests() if name(each) == "Deployment/longshore-api"]
    [container] = pod(api)["containers"]

    assert "livenessProbe" not in container
    assert "readinessProbe" in container
