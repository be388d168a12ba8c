"""Templates written to be slow to read, to never end, or to fill the memory."""

from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from shared.templates.errors import LimitReached, TemplateRefused
from shared.templates.limits import Limits
from shared.templates.run import Clocks
from shared.templates.velocity import compile_template
from tests.effort import calls, that_ends

ITEM: dict[str, Any] = {"x": "text", "n": 7, "list": [1, 2], "map": {"a": 1}, "none": None}

MUCH = 65_536


def filled(unit: str) -> str:
    """A source of the greatest size, of this unit over and over."""
    return (unit * MUCH)[:MUCH]


SLOW_TO_READ = {
    "dollars": filled("$"),
    "references": filled("$a"),
    "dots": filled("$a.b.b"),
    "lines": filled("\n$a"),
    "hashes": filled("#"),
    "backslashes": filled("\\"),
    "escapes": filled("\\$"),
    "blanks": filled(" "),
    "blanks before directives": " " * 32_000 + "#set($a=1)" * 3_300,
    "conditions": filled("#if(1)"),
    "empty conditions": filled("#if(1)#end"),
    "comments": filled("#**#"),
    "a comment without end": filled("#*"),
    "line comments": filled("##\n"),
    "quotes": "#set($a=" + filled("'")[:60_000],
    "doubled quotes": '#set($a="' + filled('a""')[:60_000],
    "round brackets": "#set($a=" + "(" * 60_000,
    "square brackets": "#set($a=" + "[" * 60_000,
    "curly brackets": "#set($a=" + "{" * 60_000,
    "indexes": filled("$a["),
    "calls": filled("$text.upper("),
    "lists in indexes": "#set($x = " + "[$a[" * 15_000,
    "lists in lists, twice read elsewhere": "#set($x = " + "[$a[([" * 30 + "1" + "])]]" * 30 + ")",
    "a long sum": "#set($a=" + "+".join(["1"] * 32_000) + ")$a",
    "a long disjunction": "#if(" + "||".join(["$a"] * 16_000) + ")#end",
    "negations": "#if(" + "!" * 60_000 + "1)#end",
    "minus signs": "#set($a=" + "-" * 60_000 + "1)",
    "many branches": "#if(0)" + "#elseif(0)" * 6_000 + "#end",
    "a chain of indexes": "$a" + "[0]" * 21_000,
    "a long number": "#set($a=" + "9" * 60_000 + ")$a",
    "a long list": "#set($a=[" + ",".join(["1"] * 30_000) + "])$a",
}


@pytest.mark.parametrize("source", SLOW_TO_READ.values(), ids=SLOW_TO_READ.keys())
def test_reading_and_rendering_a_large_source_takes_a_few_calls_a_character(source: str) -> None:
    def read_and_render() -> None:
        with suppress(TemplateRefused):
            compile_template(source).render(ITEM)

    with that_ends():
        # The worst of these takes 51.
        assert calls(read_and_render) < 75 * MUCH


BOMBS = {
    "a huge range": "#foreach($i in [1..999999999999])x#end",
    "a huge range kept": "#set($a = [1..999999999999])",
    "ranges in ranges": "#foreach($a in [1..9999])#foreach($b in [1..9999])$a$b#end#end",
    "a doubled text": "#set($s='x')#foreach($i in [1..99])#set($s=$s+$s)#end",
    "a doubled text in quotes": "#set($s='x')#foreach($i in [1..99])#set($s=\"$s$s\")#end",
    "a long line in a loop": "#foreach($i in [1..9999])" + "x" * 60_000 + "#end",
    "a replacement that grows": "#set($s='xxxx')#foreach($i in [1..99])#set($s=$text.replace($s,'x',$s))#end",
    "a join that grows": "#set($s='x,')#foreach($i in [1..99])#set($s=$list.join(['a','b','c'],$s))#end",
    "a list of itself": "#set($l=[1])#foreach($i in [1..99])#set($l=[$l,$l])#end$l",
    "a map of itself": "#set($l=[1])#foreach($i in [1..99])#set($l={'a':$l,'b':$l})#end$l",
    "texts kept in lists": '#set($l=[])#foreach($i in [1..99999])#set($l=[$l,"$i"])#end',
    "the item kept in lists": "#set($l=[])#foreach($i in [1..99999])#set($l=[$l,$item])#end",
    "the item written in a loop": "#foreach($i in [1..400000])$item#end",
    "capitals in a loop": "#foreach($i in [1..400000])#set($a=$text.upper($large))#end",
    "a search in a loop": "#foreach($i in [1..249000])#if($text.contains($large,$needle))#end#end",
    "lists cut in a loop": "#foreach($i in [1..99999])#set($a=$text.split($large,'a'))#end",
    "names in a loop": "#foreach($i in [1..400000])#set($a=$map.keys($map))#end",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_what_would_not_end_or_not_fit_is_refused(source: str) -> None:
    item = {**ITEM, "large": "a" * 2_000_000, "needle": "a" * 999_999 + "b"}
    template = compile_template(source)

    with that_ends(), pytest.raises(LimitReached, match=r"it (takes|writes|builds) (more|longer) than"):
        template.render(item)


NUMBERS = {
    "squares": "#set($a=99)#foreach($i in [1..99])#set($a=$a*$a)#end$!a",
    "squares of fractions": "#set($a=9.9)#foreach($i in [1..99])#set($a=$a*$a)#end$!a",
    "a nested list": '#set($l=[])#foreach($i in [1..900])#set($l=[$l])#end$text.length("$l")',
}


@pytest.mark.parametrize("source", NUMBERS.values(), ids=NUMBERS.keys())
def test_what_grows_beyond_reckoning_is_nothing(source: str) -> None:
    assert compile_template(source).render(ITEM) in ("", "1802")


def test_the_time_limit_holds_wherever_time_is_spent() -> None:
    ticks = count()
    template = compile_template(
        "#foreach($i in [1..99])\n$i\n#end", Limits(seconds=50), clocks=Clocks(*[lambda: next(ticks)] * 2)
    )

    with pytest.raises(LimitReached) as reached:
        template.render(ITEM)

    assert reached.value.cause == "it takes longer than 50 seconds, the limit for one item; do less."
    assert reached.value.line_number in (1, 2)


def test_the_source_limit_counts_characters() -> None:
    with pytest.raises(TemplateRefused, match="it has 11 characters; 10 are allowed"):
        compile_template("ä" * 11, Limits(source_characters=10))


def test_the_output_limit_is_exact() -> None:
    template = compile_template("$x$x", Limits(output_characters=10))

    assert len(template.render({"x": "a" * 5})) == 10
    with pytest.raises(LimitReached, match="it writes more than 10 characters"):
        template.render({"x": "a" * 6})


def test_a_value_nested_beyond_what_can_be_written_is_refused() -> None:
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]

    with pytest.raises(TemplateRefused, match="a value is nested too deeply"):
        compile_template("$a").render({"a": nested})
