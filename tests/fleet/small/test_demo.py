"""`make fleet-demo`: the tour, through the load balancer."""

from tests.fleet.containers import Fleet


def test_the_tour_ends_well_and_stays(fleet: Fleet):
    told = fleet.run("demo")

    assert "http://balancer:8000" in told
    assert int(fleet.query("SELECT count(*) FROM imports WHERE status = 'complete'")) > 0
