"""Whatever a template says and an item holds, there is a text within the limits or a refusal."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.templates.errors import TemplateRefused
from shared.templates.limits import Limits
from shared.templates.velocity import compile_template
from tests.fuzz.fuzzing import fuzzed

TIGHT = Limits(output_characters=2_000, steps=2_000, seconds=1)
FRAGMENTS = """
    $ ${ $!{ } $x $n $list $map $none $item . .a .x [ ] ( ) { } , : | .. #
    #set( #if( #elseif( #else #end #foreach( #{else} #{end} $i in = == != < >= + - * / % ! && || and or not
    " ' "" 1 2 0 -1 1.5 true null \\ ## #* *# a [1..50] $s $s$s [$s,$s] {"a":$s} #set($s="$s$s")
    $foreach.count $csv.quote( $json.quote( $text.replace( $text.split( $text.substring( $list.join(
    $date.format( $date.parse( $number.format( $number.of( $map.keys( 'yyyy-MM' '0.00' __class__ .__class__
"""
PIECES = st.sampled_from([*FRAGMENTS.split(), " ", "\n", "\0", "é", "\u2028", "#foreach($i in $list)"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=4),
    max_leaves=10,
)
ITEMS = st.fixed_dictionaries({"x": VALUES, "n": VALUES, "list": VALUES, "s": VALUES})


def outcome(source: str, item: dict[str, Any], limits: Limits) -> str | TemplateRefused:
    """The text or the refusal; whatever else is raised fails the test."""
    try:
        return compile_template(source, limits).render(item)
    except TemplateRefused as refused:
        return refused


@fuzzed
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60), ITEMS)
def test_any_text_is_rendered_within_its_limits_or_refused(source: str, item: dict[str, Any]) -> None:
    result = outcome(source, item, TIGHT)

    assert isinstance(result, TemplateRefused) or len(result) <= TIGHT.output_characters


CALLS = """
    $csv.quote($x) $csv.safe($x) $json.quote($x) $text.upper($x) $text.trim($x) $text.length($x)
    $number.of($x) $list.size($x) $map.keys($x) $text.default($x,$n) $text.replace($x,$n,$s)
    $text.split($x,$n) $text.contains($x,$n) $text.substring($x,$n) $text.substring($x,$n,$s)
    $number.format($x,$n) $date.format($x,$n) $date.parse($x,$n) $list.join($x,$n) $item[$x] [$x..$n]
    $json.quote($x==$n) $json.quote($x<$n) $json.quote($x>=$n) $json.quote($x+$n) $json.quote($x-$n)
    $json.quote($x*$n) $json.quote($x/$n) $json.quote($x%$n) $json.quote(-$x) $json.quote([$x..$n]) $x
"""
LETTERS = "yyyy MM dd HH mm ss SSS Z XXX EEE a h ' '' - : % \\"
PATTERNS = st.lists(st.sampled_from(LETTERS.split())).map("".join)


@fuzzed
@given(
    st.sampled_from(CALLS.split()), st.fixed_dictionaries({"x": VALUES, "n": VALUES | PATTERNS, "s": VALUES})
)
def test_functions_and_operators_take_any_value_or_refuse_it(source: str, item: dict[str, Any]) -> None:
    result = outcome(source, item, TIGHT)

    assert isinstance(result, TemplateRefused) or len(result) <= TIGHT.output_characters


@fuzzed
@given(st.text(st.characters(codec="utf-8")))
def test_any_text_in_single_quotes_comes_back(text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"

    assert json.loads(compile_template(f"$json.quote({literal})").render({})) == text


@fuzzed
@given(st.text(st.characters(codec="utf-8", exclude_characters="$#\\")))
def test_any_text_without_signs_comes_back(text: str) -> None:
    assert compile_template(text).render({}) == text
