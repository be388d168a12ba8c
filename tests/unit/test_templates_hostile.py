"""Templates and values written to break out."""

import ast
from pathlib import Path
from typing import Any

import pytest

import shared.templates
from shared.templates.errors import TemplateRefused
from shared.templates.velocity import compile_template

ITEM: dict[str, Any] = {"x": "text", "n": 7, "list": [1, 2], "map": {"a": 1}, "none": None}

# Spellings that reach Python, Java or a file in some engine. Here they name no value: each is written as
# it stands, like any name that is missing.
NAMES_NOTHING = [
    "$item.__class__",
    "$item.__class__.__base__",
    "$x.__class__.__mro__[1]",
    "${item.__init__.__globals__}",
    "$item['__class__']",
    '$item["__class__"]["__bases__"][0]',
    '$item["__cl" + "ass__"]',
    "$item[$x].__class__",
    "$list.__len__",
    "$list.append",
    "$map.items",
    "$map.keys",
    "$map['keys']",
    "$x.format",
    "$x.join",
    "$x[0]",
    "$x['upper']",
    "$n.real",
    "$n.numerator.__class__",
    "$n[0]",
    "$list['__class__']",
    "$list[true]",
    "$list['0']",
    "$list[1.0]",
    "$map[0]",
    "$item.class",
    "$class",
    "$class.inspect",
    "$csv",
    "$csv.quote",
    "$csv.quote.__globals__",
    "$text.upper.__self__",
    "$foreach.__class__",
    "$self",
    "$__builtins__",
    "$__import__",
    "$globals",
    "$context",
    "$request.application.__globals__",
    "$text.upper('x').__class__",
    "$json.quote($list).__class__",
]

REFUSED = [
    "$item.__class__.__base__.__subclasses__()",
    "$item.getClass()",
    "$x.getClass().forName('java.lang.Runtime').getRuntime().exec('id')",
    "$item.get('x').__init__",
    "$x.format($item)",
    "$x.mro()",
    "$x.upper()",
    "$x.replaceAll('(a+)+$', 'b')",
    "$x.matches('(a+)+$')",
    "$map.items()",
    "$list.add(1)",
    "$item.put('x', 1)",
    "$text.upper.__call__('x')",
    "$text.__class__('x')",
    "$csv.__init__()",
    "$map.get('a')",
    "#include('/etc/passwd')",
    "#include ( '/etc/passwd' )",
    "#{include}('/etc/passwd')",
    "#parse('x.vm')",
    "#evaluate('$x')",
    "#evaluate($x)",
    "#define($d)x#end",
    "#macro(m)#m()#end#m()",
    "#m()",
    "#return($x)",
    "#stop",
    "#break",
    "#set($item.x = 1)",
    "#set($item['x'] = 1)",
    "#set($foo.__class__ = 1)",
    "#foreach($a.b in $list)#end",
    "$date.format($n, '%Y')$date.format($n, 'f')",
    "$number.format($n, '{0.__class__}')",
    "\ud800",
]


@pytest.mark.parametrize("source", NAMES_NOTHING)
def test_no_spelling_reaches_an_attribute(source: str) -> None:
    assert compile_template(source).render(ITEM) == source


@pytest.mark.parametrize("source", NAMES_NOTHING)
def test_no_spelling_of_an_attribute_is_true(source: str) -> None:
    assert compile_template(f"#if({source})reached#end").render(ITEM) == ""


@pytest.mark.parametrize("source", REFUSED)
def test_what_calls_or_loads_is_refused(source: str) -> None:
    with pytest.raises(TemplateRefused):
        compile_template(source).render(ITEM)


TRICKS = {
    "a full-width dollar": "\uff04x",
    "a full-width hash": "\uff03set(\uff04x = 1)",
    "a zero-width space in a name": "$\u200bx",
    "letters beyond ASCII": "$\uff58",
    "the Turkish i": "#\u0131f(1)",
    "right to left": "\u202e$!nope",
    "NUL": "\0$!nope\0",
    "percent": "%s %(x)s %n",
    "braces": "{0.__class__} {x} {{x}}",
    "Python names": "${{x.__class__}}",
}


@pytest.mark.parametrize("source", TRICKS.values(), ids=TRICKS.keys())
def test_look_alikes_are_text(source: str) -> None:
    assert compile_template(source).render(ITEM) == source.replace("$!nope", "")


def test_the_interpreter_never_asks_python_for_a_name() -> None:
    """What would make a reference more than a look into a list or map is nowhere in the package."""
    doors = {
        "getattr",
        "setattr",
        "vars",
        "dir",
        "globals",
        "locals",
        "eval",
        "exec",
        "compile",
        "open",
        "__import__",
    }
    methods = {"format_map", "import_module", "attrgetter", "methodcaller", "__dict__", "__getattribute__"}

    for path in Path(shared.templates.__path__[0]).glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        assert not {node.id for node in nodes if isinstance(node, ast.Name)} & doors, path.name
        assert not {node.attr for node in nodes if isinstance(node, ast.Attribute)} & methods, path.name


INJECTED = [
    "$x",
    "${x}",
    "#set($x = 1)",
    "#foreach($i in [1..9])$i#end",
    "#include('a')",
    "\\$x",
    '"$x"',
    "''",
    "##",
    "#*",
]


@pytest.mark.parametrize("value", INJECTED)
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    template = compile_template('$a|"$a"|#set($b = "<$a>")$b|#set($c = $a + $a)$c|#foreach($d in [$a])$d#end')

    assert template.render({"a": value, "x": "seen"}) == f'{value}|"{value}"|<{value}>|{value}{value}|{value}'
