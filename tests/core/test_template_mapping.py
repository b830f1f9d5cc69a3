"""A change of rendered text carried back into its template: text between the values moves, the values stay."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.core.definition.patches import unified_diff
from deployments.core.definition.sandbox import TemplateStore
from deployments.core.definition.template_edits import Rendering, edit_templates
from deployments.core.definition.template_mapping import CannotMap
from deployments.core.definition.template_trace import Tracer
from inventory.core.host_view import HostView

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "20"))
PATH = "roles/web/templates/t.j2"
HOSTS = (
    HostView("web-1", "prod", ("web",), {"ip": "10.0.0.1"}, {}, "192.168.7.1"),
    HostView("web-12", "prod", ("web",), {"ip": "10.0.0.12"}, {}, "192.168.7.12"),
)


def context(host: HostView) -> dict[str, object]:
    return {"v": 7, "w": [4], "host": {"name": host.name, "address": host.address}, **host.variables}


def render(template: str, host: HostView = HOSTS[0]) -> str:
    return TemplateStore({PATH: template.encode()}).render(PATH, context(host))


def mapped_all(template: str, wanted: dict[str, str], hosts: tuple[HostView, ...] = HOSTS) -> str:
    """The template's new source, for each host's wanted text."""
    tracer = Tracer(TemplateStore({PATH: template.encode()}), PATH)
    renderings = []
    for host in hosts:
        runs = tracer.trace(context(host), render(template, host))
        if runs is None:
            raise CannotMap("it can't be traced")
        renderings.append(Rendering(host, context(host), wanted[host.name], runs))
    return edit_templates(tracer, renderings).get(PATH, template.encode()).decode()


def mapped(template: str, old: str, new: str) -> str:
    host = HOSTS[0]
    return mapped_all(template, {host.name: render(template, host).replace(old, new)}, (host,))


LIKE_JINJA = [
    "{{ x }}", "a {{", "{", "{%}", "{\n{ x }}", "{{{", "{% if y %}", "{# note #}", "}} %}", "${{VAR}}", "{% raw %}", "{% endraw %}",
    "'{{'", "\\{{ 'a' }}", "{{ '{{' }}", "-%}", "{%- x -%}", "line statement # not", "{\n%",
]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "new"),
    [("a\nx OLD{{ v }}\n", new) for new in LIKE_JINJA]
    + [
        (template, new)
        for template in ("a\nOLD\nb\n", "{{ v }}OLD", "{{ '{' }}OLD{ v }}\n")
        for new in LIKE_JINJA[:6]
    ],
)
def test_text_that_looks_like_jinja_stays_text(template: str, new: str) -> None:
    assert render(mapped(template, "OLD", new)) == render(template).replace("OLD", new)


def test_text_in_a_raw_block_is_not_escaped() -> None:
    source = "{% raw %}\na {{ b }} OLD\n{% endraw %}\n"
    assert mapped(source, "OLD", "{{ new }}") == source.replace("OLD", "{{ new }}")


@pytest.mark.parametrize(
    ("template", "old", "new", "lines"),
    [
        ("{% if v %}\none\n{% endif %}\ntwo\n", "one\n", "one\nmore\n", ["+more"]),
        ("{% if v %}\none\n{% endif %}\ntwo\n", "two\n", "two\nmore\n", ["+more"]),
        ("{%- if v -%}\none\n{%- endif -%}\ntwo\n", "onetwo", "unotwo", ["-one", "+uno"]),
        ("{% for i in [1, 2] %}\nx {{ i }} old;\n{% endfor %}\n", "old", "new", ["-x {{ i }} old;", "+x {{ i }} new;"]),
        ("a {{ v }} b {{ v }} c\n", "b", "beta", ["-a {{ v }} b {{ v }} c", "+a {{ v }} beta {{ v }} c"]),
        ("{# note #}one\n{# two #}\n", "one", "uno", ["-{# note #}one", "+{# note #}uno"]),
        ("{% set x = v %}\n{{ x }} one\n", "one", "uno", ["-{{ x }} one", "+{{ x }} uno"]),
        ("{% macro m(a) %}<{{ a }}>one{% endmacro %}\n{{ m(1) }}\n", "one", "uno",
         ["-{% macro m(a) %}<{{ a }}>one{% endmacro %}", "+{% macro m(a) %}<{{ a }}>uno{% endmacro %}"]),
        ("one", "one", "one\ntwo", ["-one", "+one", "+two"]),
        ("one\n{{ v }}", "one\n", "zero\none\n", ["+zero"]),
        ("{{ v }}{{ v }}\n", "77", "7-7", ["-{{ v }}{{ v }}", "+{{ v }}-{{ v }}"]),
        ("{{ v }} x\n", "7 x", "<7 x", ["-{{ v }} x", "+<{{ v }} x"]),
        ("\ufeffone\ntwo\n", "two", "due", ["-two", "+due"]),
        ("one\r\ntwo\r\n", "two", "due", ["-two\r", "+due\r"]),
    ],
)  # fmt: skip
def test_edits_of_odd_templates(template: str, old: str, new: str, lines: list[str]) -> None:
    after = mapped(template, old, new)
    patch = unified_diff({"t": template.encode()}, {"t": after.encode()}).split("\n")
    assert [line for line in patch if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")] == lines


@pytest.mark.parametrize(
    ("template", "old", "new", "reason"),
    [
        ("{{ w[0] }}\n", "4", "44", "inside the value of {{ w[0] }}"),
        ("a {{ v }}\n", "a 7", "b 5", "inside the value"),
        ("{% for i in [1, 2] %}\nx {{ i }};\n{% endfor %}\n", "x 1;", "y 1;", "live text"),
        ("{% filter upper %}one {{ v }}{% endfilter %}\n", "ONE", "TWO", "template"),
        ("a{% if v %}b{% endif %}c\nd\n", "abc\nd\n", "d\n", "statements"),
        ("one\n", "one\n", "one\r\n", "carriage returns"),
        ("a \ue000 b\n", "b", "c", "traced"),
    ],
)
def test_what_is_not_mapped_is_said(template: str, old: str, new: str, reason: str) -> None:
    with pytest.raises(CannotMap) as refusal:
        mapped(template, old, new)
    assert reason in refusal.value.reason


# --- generated templates × generated edits --------------------------------------------------------------------

word = st.sampled_from(
    ["alpha", "beta;", "x = 1", "# note", "{ }", "10.0.0.1", "7", "a-b", "", "'q'", "}} %}"]
)
value = st.sampled_from(
    ["{{ v }}", "{{ host.name }}", "{{ ip }}", "{{ host.address }}:80", "{{ v }}{{ ip }}"]
)
plain = st.lists(word, min_size=1, max_size=2).map(" ".join)
valued = st.tuples(word, value, word).map("".join)
line = st.one_of(plain, plain, valued)
block = st.one_of(
    line,
    line,
    line.map(lambda text: f"{{% if v > 5 %}}\n{text}\n{{% endif %}}"),
    line.map(lambda text: f"{{%- for i in [1, 2] %}}\n{text} {{{{ i }}}}\n{{%- endfor %}}"),
    st.just("{# a comment #}"),
)
templates = st.tuples(
    st.lists(block, min_size=1, max_size=5).map("\n".join), st.sampled_from(["", "\n"])
).map("".join)
new_text = st.sampled_from(
    ["new", "HOST", "gamma {{ x }}", "{", "HOST IP", "x = 2", "", "a {% b", "7", "IP:443"]
)


def with_own_values(text: str, host: HostView) -> str:
    return text.replace("HOST", host.name).replace("IP", str(host.variables["ip"]))


def edit_line(text: str, number: int, kind: int, new: str, host: HostView) -> str:
    lines = text.split("\n")
    at = number % len(lines)
    new = with_own_values(new, host)
    if kind == 0:
        lines[at] = new
    elif kind == 1:
        lines.insert(at, new)
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        lines[at] = f"{lines[at]} {new}"
    else:
        lines[at] = f"{new} {lines[at]}"
    return "\n".join(lines)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(templates, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), new_text), min_size=1, max_size=2))
def test_what_is_mapped_renders_each_hosts_own_text(template: str, edits: list[tuple[int, int, str]]) -> None:
    wanted = {}
    for host in HOSTS:
        text = render(template, host)
        for number, kind, new in edits:
            text = edit_line(text, number, kind, new, host)
        wanted[host.name] = text
    try:
        after = mapped_all(template, wanted)
    except CannotMap as refusal:
        assert refusal.reason
        return
    assert {host.name: render(after, host) for host in HOSTS} == wanted


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(plain, min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 4), new_text, st.booleans())
def test_lines_without_values_are_always_mapped(
    lines: list[str], number: int, kind: int, new: str, values: bool
) -> None:
    between = ["between {{ v }} {{ ip }}"] if values else []
    template = "\n".join([*between, *(text.replace("{", "(") for text in lines), *between]) + "\n"
    wanted = {}
    for host in HOSTS:
        rendered = render(template, host).split("\n")
        first, last = len(between), len(rendered) - 1 - len(between)
        edited = edit_line("\n".join(rendered[first:last]), number, kind, new, host)
        wanted[host.name] = "\n".join([*rendered[:first], edited, *rendered[last:]])
    after = mapped_all(template, wanted)
    assert {host.name: render(after, host) for host in HOSTS} == wanted
    assert after.count("between {{ v }} {{ ip }}") == 2 * len(between), "the placeholders beside it stay"
