"""What references, directives and expressions of a template write."""

from decimal import Decimal
from typing import Any

import pytest

from shared.templates.velocity import compile_template

FILM = {
    "title": "Jaws",
    "year": 1975,
    "price": 2.5,
    "exact": Decimal("1.10"),
    "seen": True,
    "sequel": False,
    "empty": "",
    "nothing": None,
    "tags": ["sea", "shark"],
    "director": {"name": "Steven", "born": {"year": 1946}},
    "first-name": "Roy",
    "größe": 7,
    "key": "title",
    "formula": "=1+1",
    "digits": "0042",
}


def render(source: str, item: dict[str, Any] | None = None) -> str:
    return compile_template(source).render(FILM if item is None else item)


REFERENCES = {
    "a field": ("$title", "Jaws"),
    "a field of the item": ("$item.title", "Jaws"),
    "a field of the item's data": ("$item.data.title", "Jaws"),
    "in braces": ("${title}s", "Jawss"),
    "a path in braces": ("${item.title}s", "Jawss"),
    "quiet": ("$!title", "Jaws"),
    "quiet in braces": ("$!{title}s", "Jawss"),
    "a nested field": ("$director.born.year", "1946"),
    "an entry of a list": ("$tags[1]", "shark"),
    "the last entry": ("$tags[-1]", "shark"),
    "no such entry": ("$!tags[2]|$!tags[-3]", "|"),
    "a name in brackets": ('$item["first-name"]', "Roy"),
    "a name beyond ASCII": ("$item['größe']", "7"),
    "a computed name": ("$item[$key]", "Jaws"),
    "a bracket and a dot": ('$item["director"].name', "Steven"),
    "missing": ("$nope", "$nope"),
    "missing in braces": ("${nope}", "${nope}"),
    "missing below": ("$director.nope.more", "$director.nope.more"),
    "missing and quiet": ("$!nope$!{nope}$!director.nope", ""),
    "null": ("$nothing|$!nothing", "$nothing|"),
    "a fallback": ('${nope|"none"}${nothing|1}${empty|$title}', "none1Jaws"),
    "no fallback for zero and false": ("${sequel|1}", "false"),
    "a dot behind": ("$title.", "Jaws."),
    "a bracket behind": ("$title (x) $title(x)", "Jaws (x) Jaws(x)"),
    "a name below a text": ("$title.length", "$title.length"),
    "an index below a text": ("$title[0]", "$title[0]"),
    "a whole number": ("$year", "1975"),
    "a fraction": ("$price", "2.5"),
    "a decimal": ("$exact", "1.10"),
    "booleans": ("$seen $sequel", "true false"),
    "a list": ("$tags", '["sea","shark"]'),
    "a map": ("$director", '{"name":"Steven","born":{"year":1946}}'),
    "not a reference": ("$ $5 $$ 5$", "$ $5 $$ 5$"),
    "escaped": (r"\$title", "$title"),
    "a backslash before": (r"\\$title", r"\Jaws"),
    "a backslash elsewhere": (r"a\b\\c", r"a\b\\c"),
}

DIRECTIVES = {
    "if": ("#if($seen)yes#end", "yes"),
    "if not": ("#if($sequel)yes#end", ""),
    "else": ("#if($sequel)yes#{else}no#end", "no"),
    "elseif": ("#if($sequel)1#elseif($nope)2#elseif($seen)3#{else}4#end", "3"),
    "braces": ("#{if}($seen)yes#{end}s", "yess"),
    "conditions of missing things": (
        "#if($nope || $nothing || $empty || 0 || [] || {})yes#{else}no#end",
        "no",
    ),
    "set": ("#set($a = 1)$a", "1"),
    "set again": ("#set($a = 1)#set($a = $a + 1)$a", "2"),
    "set hides a field": ("#set($title = 'x')$title $item.title", "x Jaws"),
    "set in braces": ("#set(${a} = 1)$a", "1"),
    "foreach": ("#foreach($tag in $tags)<$tag>#end", "<sea><shark>"),
    "foreach of a map": ("#foreach($value in {'a': 1, 'b': 2})$value#end", "12"),
    "foreach of a range": ("#foreach($n in [1..3])$n#end#foreach($n in [1..-1])$n#end", "12310-1"),
    "foreach of nothing": ("#foreach($n in $nope)$n#end#foreach($n in $title)$n#end", ""),
    "places": (
        "#foreach($t in $tags)$foreach.index$foreach.count$velocityCount$foreach.hasNext #end",
        "011true 122false ",
    ),
    "first and last": ("#foreach($t in $tags)$foreach.first-$foreach.last #end", "true-false false-true "),
    "after a loop": ("#foreach($title in $tags)$title#end$title$foreach", "seasharkJaws$foreach"),
    "a loop in a loop": (
        "#foreach($a in [1, 2])#foreach($b in [3, 4])$a$b$foreach.index #end$foreach.index;#end",
        "130 141 0;230 241 1;",
    ),
    "a loop over items": ("#foreach($item in $tags)$item#end$item.title", "seasharkJaws"),
    "a line comment": ("a ## $title\nb", "a \nb"),
    "a block comment": ("a#* $title \n #if *#b", "ab"),
    "not a directive": ("#fff #1 # ## \n#", "#fff #1 # \n#"),
    "escaped": (r"\#if \#end \#set(", "#if #end #set("),
    "lines of their own": ("a\n  #if($seen)\n  b\n  #end\n  ## c\n\t#set($x = 1)\t\r\nd", "a\n  b\nd"),
    "lines shared": ("a #if($seen)\nb#end\nc", "a \nb\nc"),
}

EXPRESSIONS = {
    "precedence": ("1 + 2 * 3 - 4", "3"),
    "brackets": ("(1 + 2) * 3", "9"),
    "from left to right": ("10 - 3 - 2", "5"),
    "whole division towards zero": ("-5 / 2", "-2"),
    "whole remainder": ("-5 % 3", "-2"),
    "fractions": ("5 / 2.0", "2.5"),
    "decimals": ("0.1 + 0.2", "0.3"),
    "item numbers": ("$price * 3 + $exact", "8.60"),
    "minus": ("-$year", "-1975"),
    "minus, close": ("$year-5", "1970"),
    "division by zero": ("1 / 0", "null"),
    "fractions by zero": ("1.5 % 0", "null"),
    "sums with what is no number": ("1 + $nope", "null"),
    "sums of lists": ("$tags * 2", "null"),
    "sums of booleans": ("true + true", "null"),
    "texts joined": ('"a" + 1 + $nope + true', '"a1true"'),
    "equal numbers": ("1 == 1.0 && $price == 2.5", "true"),
    "a number equals its text": ('"18" == 18', "true"),
    "a boolean equals its text": ('$seen == "true"', "true"),
    "null equals null only": ("$nope == $nothing && $empty != $nothing && 0 != null", "true"),
    "lists equal nothing": ("$tags == $tags || $tags == 'x'", "false"),
    "comparisons": ("1 < 2 && 2 <= 2 && 3 > 2 && 2 >= 2 && 1 != 2", "true"),
    "comparison words": ("1 lt 2 and 2 le 2 and 3 gt 2 and 2 ge 2 and 1 ne 2 and 1 eq 1", "true"),
    "texts in order": ("'a' < 'b'", "true"),
    "no order between kinds": ("'a' < 1 || 'a' >= 1 || $tags > 0", "false"),
    "or": ("$sequel or $seen", "true"),
    "not": ("not $sequel && !$nope", "true"),
    "and before or": ("true || false && false", "true"),
    "plain text": ("'$title ''x'' \"'", '"$title \'x\' \\""'),
    "interpolated text": ('"$title ""x"" $!nope$nope #if"', '"Jaws \\"x\\" $nope #if"'),
    "a call in a text": ("\"$text.upper('x')\"", '"X"'),
    "an empty text": ("''", '""'),
    "a list": ("[1, 'a', [true, null]]", '[1,"a",[true,null]]'),
    "empty list and map": ("[[], {}]", "[[],{}]"),
    "a map": ("{'a': 1, \"b\": $tags}", '{"a":1,"b":["sea","shark"]}'),
    "a range of fields": ("[$tags[0]..2]", "null"),
    "white space": ("\n [ 1 ,\t2 ] \r\n", "[1,2]"),
    "a long number": ("123456789012345678901234567890 + 1", "123456789012345678901234567891"),
}

WRITTEN = {
    **{f"reference: {name}": row for name, row in REFERENCES.items()},
    **{f"directive: {name}": row for name, row in DIRECTIVES.items()},
    **{
        f"expression: {name}": (f"$json.quote({source})", text)
        for name, (source, text) in EXPRESSIONS.items()
    },
}


@pytest.mark.parametrize(("source", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_construct_writes(source: str, text: str) -> None:
    assert render(source) == text


def test_a_field_named_data_wins_over_the_item_itself() -> None:
    assert render("$item.data.title $item.data", {"data": {"title": "inner"}, "title": "outer"}) == (
        'inner {"title":"inner"}'
    )


def test_a_field_named_item_is_reached_through_the_item() -> None:
    assert render("$item.item $item.a", {"item": 1, "a": 2}) == "1 2"


def test_renderings_share_nothing() -> None:
    template = compile_template("#set($n = $!n + 'x')$n$title")

    assert [template.render({"title": title}) for title in ("a", "b")] == ["xa", "xb"]


def test_an_item_is_not_changed_by_its_rendering() -> None:
    item = {"a": [1], "b": 2}

    render("#set($b = 3)#foreach($a in $item.a)$a#end#set($item = 1)", item)

    assert item == {"a": [1], "b": 2}
