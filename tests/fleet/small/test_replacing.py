"""A rolling restart of a fleet that has only one of each."""

from tests.fleet.clients import Traffic
from tests.fleet.containers import Fleet


def test_the_only_api_is_replaced_and_no_request_fails(fleet: Fleet, collection: str):
    """It was stopped before there was another one, and for some seconds nobody answered."""
    [before] = fleet.containers("api")
    traffic = Traffic(fleet, collection)

    with traffic.going_on(threads=2):
        fleet.run("restart")

    [after] = fleet.containers("api")
    assert after != before
    assert set(traffic.reads) == {200}
    assert set(traffic.writes) == {200, 204}
