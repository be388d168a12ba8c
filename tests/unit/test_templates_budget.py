"""What all renderings of a job may take together, in processor time."""

import collections
from itertools import count

import pytest

from shared.templates.budget import SECONDS_AN_ITEM, Budget, Spent
from shared.templates.errors import LimitReached
from shared.templates.limits import Limits
from shared.templates.run import Clock, Clocks
from shared.templates.velocity import Template, compile_template

LOOP = "a line\n#foreach($i in [1..99])\n$i\n#end"


def ticking(seconds: float) -> Clock:
    """A clock on which that much passes from one look to the next."""
    ticks = count()
    return lambda: next(ticks) * seconds


def template(*, wall: float, processor: float, source: str = LOOP) -> Template:
    return compile_template(source, Limits(seconds=50), clocks=Clocks(ticking(wall), ticking(processor)))


def test_each_rendering_is_charged_and_earns_a_little():
    budget = Budget(10, Spent(4, 2.5))

    budget.charge(1.5)

    assert budget.spent == Spent(5, 4.0)
    assert budget.left == pytest.approx(10 + 6 * SECONDS_AN_ITEM - 4.0)


def test_a_rendering_is_charged_what_the_processor_worked():
    budget = Budget(1000)

    template(wall=0.001, processor=3, source="text").render({}, budget)

    assert budget.spent == Spent(1, 3.0)


def test_a_refused_rendering_is_charged_too():
    budget = Budget(1000)

    with pytest.raises(LimitReached, match="longer than 50 seconds, the limit for one item"):
        template(wall=60, processor=60).render({}, budget)

    assert budget.spent.items == 1
    assert budget.spent.seconds > 50


def test_the_job_ends_at_the_line_where_its_budget_does():
    budget = Budget(8)
    slow = template(wall=1, processor=1)

    with pytest.raises(LimitReached) as ended:
        slow.render({}, budget)

    assert ended.value.line_number in (2, 3)
    assert ended.value.cause == (
        "the job's limit is reached, 8.001 seconds of processor time for 1 renderings; do less for each item."
    )


def test_many_renderings_below_their_limit_end_the_job():
    budget = Budget(0.2)
    slow = compile_template("#foreach($i in [1..2000])#set($x = $i)#end")

    with pytest.raises(LimitReached):
        collections.deque((slow.render({}, budget) for _ in range(10_000)), maxlen=0)

    assert 0.2 < budget.spent.seconds < 0.2 + 2 * SECONDS_AN_ITEM * budget.spent.items


def test_what_was_spent_before_counts():
    with pytest.raises(LimitReached):
        compile_template("$x").render({}, Budget(5, Spent(10, 6.0)))


def test_a_worker_that_stands_still_spends_nothing():
    budget = Budget(5)

    template(wall=1000, processor=0.0001).render({}, budget)

    assert budget.spent.seconds < 1


def test_ordinary_renderings_never_end_a_job():
    budget = Budget(0.001)
    ordinary = compile_template("$id;$name;$text.upper($name)")

    for _ in range(2000):
        ordinary.render({"id": "1", "name": "Ann"}, budget)

    assert budget.left > 0.5
