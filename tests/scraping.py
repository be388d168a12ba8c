"""Metrics as Prometheus reads them."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a-token-of-the-tests"
PATH = "/metrics"


class Scraped:
    """The samples of one answer."""

    def __init__(self, exposition: str) -> None:
        families = list(text_string_to_metric_families(exposition))
        self.names = {sample.name for family in families for sample in family.samples}
        self._samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels, whatever others they have."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self._samples if sample.name == name]


def ask(port: int, token: str | None = TOKEN) -> httpx.Response:
    """What /metrics answers at a port of this machine."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"http://127.0.0.1:{port}{PATH}", headers=headers, timeout=30, trust_env=False)


def scrape(port: int) -> Scraped:
    answer = ask(port)
    assert answer.status_code == 200, answer.text
    return Scraped(answer.text)
