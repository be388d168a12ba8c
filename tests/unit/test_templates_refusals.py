"""A template that cannot be read is refused with its place and the cause."""

import pytest

from shared.templates.errors import TemplateRefused
from shared.templates.velocity import compile_template

REFUSED = {
    "no end": ("a\n#if($a)\n\n", 2, "#if has no #end."),
    "no end of a loop": ("#foreach($a in $b)", 1, "#foreach has no #end."),
    "an end too many": ("a\n\n#end", 3, "#end has no #if or #foreach that it belongs to."),
    "else in a loop": ("#foreach($a in $b)\n#else\n#end", 2, "expected the #end of #foreach, found #else."),
    "two elses": ("#if(1)#else #else #end", 1, "expected the #end of #if, found #else."),
    "no condition": ("\n#if x", 2, "expected ( and a condition, found ' x'."),
    "an empty condition": ("#if()#end", 1, "expected a value, found ')#end'."),
    "an operator alone": ("#if(1 +)#end", 1, "expected a value, found ')#end'."),
    "no operator": ("#if(1 2)#end", 1, "expected an operator or ) after the condition, found '2)#end'."),
    "a text without end": ("#set($a = 'x)", 1, 'expected a value, found "\'x)".'),
    "a comment without end": ("a\n#* b\n\n", 2, "the comment that begins here with #* has no *#."),
    "a reference without brace": ("${a", 1, "expected } at the end of the reference, found the end."),
    "an index without bracket": (
        "$a[1",
        1,
        "expected ] after the index (write ${name} where a bracket is text), found the end.",
    ),
    "a list without bracket": ("#set($a = [1, 2)", 1, "expected a comma or ] after the list, found ')'."),
    "a map without colon": ("#set($a = {1})", 1, "expected a colon after the map's name, found '})'."),
    "setting a part": (
        "#set($a.b = 1)",
        1,
        "expected ($name = after #set; only plain names can be set, found '($a.b = 1)'.",
    ),
    "looping without in": (
        "#foreach($a, $b)#end",
        1,
        "expected ($name in after #foreach, found '($a, $b)#end'.",
    ),
    "an unknown directive": (
        "\n#iff($a)",
        2,
        "#iff is no directive here; there are #set, #if, #elseif, #else, #foreach and #end.",
    ),
    "a text that is not to be read": (
        "$a\n#[[ $a ]]#",
        2,
        "#[[ is no directive here; there are #set, #if, #elseif, #else, #foreach and #end.",
    ),
    "an unknown function": ("$csv.quot($a)", 1, "there is no function $csv.quot; there are quote, safe."),
    "too few arguments": ("$csv.quote()", 1, "$csv.quote takes 1 argument(s), and 0 are given."),
    "too many arguments": (
        "$text.substring(1, 2, 3, 4)",
        1,
        "$text.substring takes 2 or 3 argument(s), and 4 are given.",
    ),
    "a line within a text": ('#set($a = "x\n$text.nope(1)")', 2, "there is no function $text.nope"),
}


@pytest.mark.parametrize(("source", "line", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_a_template_that_cannot_be_read_is_refused_with_line_and_cause(
    source: str, line: int, cause: str
) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compile_template(source)

    assert refused.value.line_number == line
    assert refused.value.cause.startswith(cause)
    column = "" if refused.value.column is None else f", column {refused.value.column}"
    assert str(refused.value).startswith(f"Template line {line}{column}: {cause}")
    assert refused.value.code == "template_refused"


PLACES = {
    "what was found": ("a\n  #if(1 2)#end", (2, 9)),
    "where the source ends": ("a\n${b", (2, 4)),
    "what has no end": ("a\n b #if(1)\n\n", (2, 4)),
    "a comment that has none": ("\n  #* b\n", (2, 3)),
    "an end too many": ("a\n   #end\n", (2, 4)),
    "another end than its own": ("#foreach($a in $b)\n #else\n#end", (2, 2)),
    "an unknown directive": ("\n #iff($a)", (2, 2)),
    "a method": ("$a.b $c.class()", (1, 8)),
    "an unknown function": ("é $csv.quot($a)", (1, 8)),
    "a function of a few arguments": ("\n$csv.quote(\n)", (2, 6)),
    "a text in quotes, whose own columns tell nothing": ('#set($a = "x\n$text.nope(1)")', (2, None)),
}


@pytest.mark.parametrize(("source", "place"), PLACES.values(), ids=PLACES.keys())
def test_the_place_is_where_the_cause_begins(source: str, place: tuple[int, int | None]) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compile_template(source)

    assert (refused.value.line_number, refused.value.column) == place
