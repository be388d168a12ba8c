"""What the component for ingress-nginx tells it."""

from ipaddress import ip_network

import kubernetes_validate
import pytest

from api.http.gunicorn import threads
from tests.manifests import VERSION, Manifest, ingresses, manifests, name, settings


def paths(ingress: Manifest) -> list[Manifest]:
    return [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]


def annotations(ingress: Manifest) -> dict[str, str]:
    return {key.rpartition("/")[2]: value for key, value in ingress["metadata"]["annotations"].items()}


@pytest.mark.parametrize("ingress", ingresses(), ids=name)
def test_an_ingress_fits_its_schema_and_leads_to_the_apis(ingress: Manifest):
    [service] = [each for each in manifests() if each["kind"] == "Service"]
    domain = settings()["LONGSHORE_BASE_DOMAIN"]

    kubernetes_validate.validate(ingress, VERSION, strict=True)

    reached = [path["backend"]["service"] for path in paths(ingress)]
    wanted = {"name": service["metadata"]["name"], "port": {"name": service["spec"]["ports"][0]["name"]}}
    assert reached == [wanted, wanted]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [domain, f"*.{domain}"]


def test_an_ingress_lets_large_bodies_through_as_they_come():
    """By its defaults ingress-nginx refuses a block over 1 MiB, and keeps the others on its disk."""
    [ingress] = [each for each in ingresses() if name(each) == "Ingress/longshore"]

    told = annotations(ingress)

    assert (told["proxy-body-size"], told["proxy-request-buffering"]) == ("0", "off")
    assert int(told["proxy-read-timeout"]) >= 300
    assert [(path["path"], path["pathType"]) for path in paths(ingress)] == [("/", "Prefix")] * 2


def test_an_address_alone_does_not_take_all_places_at_the_apis():
    """One with 128 slow uploads kept everybody else waiting. Each pod of ingress-nginx counts for itself."""
    [ingress] = [each for each in ingresses() if name(each) == "Ingress/longshore"]
    [scaler] = [each for each in manifests() if each["kind"] == "HorizontalPodAutoscaler"]
    places = scaler["spec"]["minReplicas"] * threads

    of_an_address = int(annotations(ingress).get("limit-connections", 0))

    assert 0 < 2 * of_an_address <= places / 2


def test_an_ingress_shows_metrics_to_nobody():
    [ingress] = [each for each in ingresses() if name(each) == "Ingress/longshore-metrics"]

    [denied] = ingress["metadata"]["annotations"].values()

    assert {ip_network(each).prefixlen for each in denied.split(",")} == {0}
    assert {ip_network(each).version for each in denied.split(",")} == {4, 6}
    assert [(path["path"], path["pathType"]) for path in paths(ingress)] == [("/metrics", "Exact")] * 2
