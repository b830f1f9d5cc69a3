"""Rendering: a host's desired manifest, and that no template can do harm."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.core.definition import bounds
from deployments.core.definition.merge import MAX_SHARED, merge
from deployments.core.definition.model import DesiredResource, Origin
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest, desired_resource
from deployments.core.states import ABSENT, Present, State, Unknown
from inventory.core.host_view import HostView

WEB_3 = HostView(
    "web-3", "prod", ("web",), {"colour": "blue"}, {"cpus": 8, "os": {"name": "debian"}}, "192.0.2.3"
)


def tree(resources: str, /, **more: str | bytes) -> dict[str, bytes]:
    files: dict[str, str | bytes] = {
        "definition.yaml": "format: 1\n",
        "base/resources.yaml": resources,
        **more,
    }
    return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}


def desired(resources: str, resource: str, host: HostView = WEB_3, /, **more: str | bytes) -> DesiredResource:
    definition = parse_definition(tree(resources, **more))
    found = desired_manifest(definition, host).resources[resource]
    assert found == desired_resource(definition, host, resource)
    return found


def rendered(template: str, host: HostView = WEB_3, /, variables: str = "{}", **more: str) -> DesiredResource:
    resources = f"variables: {variables}\nfiles:\n  /a: {{template: a.j2}}\n"
    return desired(resources, "file:/a", host, **{"base/templates/a.j2": template, **more})


def text_of(made: DesiredResource) -> str:
    assert made.content is not None, made.unknown_reason
    return made.content.decode()


def reason_of(made: DesiredResource) -> str:
    assert isinstance(made.state, Unknown), made.content
    assert made.content is None
    return made.state.reason


def test_a_file_says_what_it_should_be_and_where_that_is_said() -> None:
    made = desired(
        'files:\n  /etc/motd:\n    content: "hello\\n"\n    mode: "0644"\n    notify: [nginx]\n',
        "file:/etc/motd",
    )
    sha256 = hashlib.sha256(b"hello\n").hexdigest()
    assert made.state == Present({"type": "file", "mode": "0644", "sha256": sha256})
    assert made.attributes == {"type", "mode", "sha256"}
    assert (made.content, made.how, made.source_path, made.notify) == (
        b"hello\n",
        "content",
        None,
        ("nginx",),
    )
    assert made.origin == Origin("base", "base/resources.yaml", 2)
    assert {name: origin.line for name, origin in made.origins.items()} == {
        "type": 2,
        "content": 3,
        "sha256": 3,
        "mode": 4,
        "notify": 5,
    }


def test_content_is_never_taken_for_a_template() -> None:
    assert desired('files:\n  /a: {content: "{{ colour }}"}', "file:/a").content == b"{{ colour }}"


def test_a_source_is_taken_byte_for_byte_from_the_layer_that_names_it() -> None:
    sources = {
        "base/files/a": b"\xff\0base",
        "roles/web/files/a": b"never",
        "roles/web/resources.yaml": b"{}",
    }
    definition = parse_definition(tree("files:\n  /a: {source: a}", **sources))
    made = desired_manifest(definition, WEB_3).resources["file:/a"]
    assert (made.content, made.source_path, made.how) == (b"\xff\0base", "base/files/a", "source")


def test_only_what_is_declared_is_compared() -> None:
    made = desired("files:\n  /a: {owner: root}", "file:/a")
    assert made.state == Present({"type": "file", "owner": "root"})
    assert made.attributes == {"type", "owner"}
    assert made.content is None


def test_a_secret_has_a_name_and_no_content() -> None:
    definition = parse_definition(tree('files:\n  /etc/app/db.password: {secret: db-password, mode: "0600"}'))
    manifest = desired_manifest(definition, WEB_3)
    made = manifest.resources["file:/etc/app/db.password"]
    assert made.state == Present({"type": "file", "mode": "0600"})
    assert (made.how, made.secret_name, made.content) == ("secret", "db-password", None)
    assert manifest.secret_paths == ("/etc/app/db.password",)


def test_absent_is_a_value() -> None:
    made = desired('files:\n  /a: {state: absent, content: x, mode: "0644"}', "file:/a")
    assert made.state == ABSENT
    assert made.attributes == {"type"}
    assert (made.content, made.how) == (None, None)


def test_directories_and_symlinks() -> None:
    definition = parse_definition(
        tree(
            "directories:\n  /etc/a: {exhaustive: true, mode: '0755'}\n  /etc/b: {exhaustive: false}\n"
            "  /etc/c: {exhaustive: true, state: absent}\nsymlinks:\n  /etc/l: {target: ../b}\n"
        )
    )
    manifest = desired_manifest(definition, WEB_3)
    assert manifest.exhaustive == ("/etc/a",)
    assert manifest.resources["directory:/etc/a"].state == Present({"type": "directory", "mode": "0755"})
    assert manifest.resources["symlink:/etc/l"].state == Present({"type": "symlink", "target": "../b"})
    assert list(manifest.resources) == sorted(manifest.resources)


def test_a_symlink_without_a_target_is_unknown_with_its_place() -> None:
    assert reason_of(desired("symlinks:\n  /l: {owner: root}", "symlink:/l")) == (
        "/l has no target (base/resources.yaml:2)"
    )


def test_a_path_of_two_kinds_is_unknown_with_both_places() -> None:
    files = {"roles/web/resources.yaml": "symlinks:\n  /a: {target: b}"}
    for resource in ("file:/a", "symlink:/a"):
        assert "set all but one" in reason_of(desired("files:\n  /a: {content: x}", resource, **files))


def test_a_template_sees_variables_facts_and_the_host() -> None:
    made = rendered(
        "{{ workers }} {{ colour }} {{ facts.cpus }} {{ facts['os'].name }} {{ host.name }} {{ host.environment }}"
        " {{ host.roles | join(',') }} {{ host.address }}\n",
        variables="{workers: 4, colour: red, unused: 1}",
    )
    assert text_of(made) == "4 blue 8 debian web-3 prod web 192.0.2.3\n"
    assert made.source_path == "base/templates/a.j2"
    assert made.variables == {
        "workers": 4,
        "colour": "blue",
        "facts.cpus": 8,
        "facts.os": {"name": "debian"},
        "host.name": "web-3",
        "host.environment": "prod",
        "host.roles": ["web"],
        "host.address": "192.0.2.3",
    }


def test_where_a_template_takes_the_whole_mapping_the_whole_is_what_it_uses() -> None:
    made = rendered("{% for name in facts %}{{ name }} {{ facts[name] }}\n{% endfor %}{{ host.name }}")
    assert made.variables == {"facts": dict(WEB_3.facts), "host.name": "web-3"}


def test_what_an_included_template_uses_counts_too() -> None:
    made = rendered(
        "{% include 'part.j2' %}{% from 'macros.j2' import twice %}{{ twice(colour) }}",
        variables="{workers: 4}",
        **{
            "base/templates/part.j2": "w={{ workers }};",
            "base/templates/macros.j2": "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}",
        },
    )
    assert text_of(made) == "w=4;blueblue"
    assert made.variables == {"workers": 4, "colour": "blue"}


def test_a_template_is_included_from_its_own_layer_before_base() -> None:
    files = {
        "roles/web/resources.yaml": "files:\n  /a: {template: a}",
        "roles/web/templates/a": "{% include 'x' %}{% include 'y' %}",
        "roles/web/templates/x": "web ",
        "base/templates/x": "never",
        "base/templates/y": "base",
        "roles/db/templates/z": "",
    }
    assert desired("", "file:/a", **files).content == b"web base"


def test_trailing_newlines_and_markup_stay_as_they_are() -> None:
    assert text_of(rendered("a <b> & {{ '<c> & \"d\"' }}\n\n")) == 'a <b> & <c> & "d"\n\n'


@pytest.mark.parametrize(
    ("template", "line", "says"),
    [
        ("\n\n{{ nothing }}", 3, "'nothing' is undefined"),
        ("{{ facts.missing }}", 1, "missing"),
        ("a\n{{ 1 / 0 }}", 2, "division by zero"),
        ("a\n{{ 'x' + 1 }}", 2, "str"),
        ("\n{{ ''.__class__.__mro__ }}", 2, "unsafe"),
        ("{{ facts.update({}) }}", 1, "unsafe"),
        ("{{ ('%s' | format(host)).__class__ }}", 1, "unsafe"),
        ("{{ '{0.__class__}'.format(host) }}", 1, "unsafe"),
        ("\n{% include facts.cpus ~ '.j2' %}", 2, "no template 8.j2"),
        (
            "{% include '/etc/passwd' ignore missing %}{% include '../' ~ 'resources.yaml' %}",
            1,
            "no template",
        ),
        ("{{ cycler(1, 2) }}", 1, "can't be printed"),
        ("{{ host.roles | map('upper') }}", 1, "add |list"),
        ("\n{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", 3, "without end"),
    ],
)
def test_a_render_error_is_a_reason_with_file_and_line(template: str, line: int, says: str) -> None:
    made = rendered(template)
    reason = reason_of(made)
    assert reason.startswith(f"render error: base/templates/a.j2:{line}: ")
    assert says in reason
    assert made.attributes == {"type", "sha256"}


def test_an_error_inside_an_included_template_names_that_template() -> None:
    made = rendered("{% include 'b.j2' %}", **{"base/templates/b.j2": "\n\n{{ nothing }}"})
    assert reason_of(made).startswith("render error: base/templates/b.j2:3: ")


GREEDY = {
    "nested loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "a range that is too long": "{% for a in range(999999999) %}{% endfor %}",
    "a recursive loop": "{% for a in range(9) recursive %}{{ loop(range(99999)) }}{% endfor %}",
    "calls that double": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "a long text by *": "{{ 'a' * 999999999 }}",
    "a long list by *": "{{ [1] * 999999999 }}",
    "a text that doubles by ~": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a text that doubles by +": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a list that doubles": "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a block that doubles": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x %}{{ n.x }}{{ n.x }}{% endset %}{% endfor %}",
    "a join that doubles": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = [n.x, n.x] | join %}{% endfor %}",
    "a number that squares": "{% set n = namespace(x=9) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a power": "{{ 9 ** 999999999 }}",
    "a wide filter": "{{ 'a' | center(999999999) }}",
    "a wide method": "{{ 'a'.ljust(999999999) }}",
    "a wide format": "{{ '%999999999d' | format(1) }}",
    "a wide format by %": "{{ '%999999999d' % 1 }}",
    "a wide format method": "{{ '{:999999999}'.format(1) }}",
    "a computed width": "{{ '{:{w}}'.format(1, w=999999999) }}",
    "a replacement": "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
    "a replacing filter": "{{ ('a' * 99999) | replace('a', 'b' * 99999) }}",
    "a long separator": "{{ range(99999) | list | join('b' * 99999) }}",
    "an indented dump": "{{ [1] | tojson(indent=999999999) }}",
    "many slices": "{{ [1] | slice(999999999) | list }}",
    "a number as bytes": "{{ (1).to_bytes(999999999, 'big') }}",
    "endless output": "{% for a in range(99999) %}" + "x" * 100 + "{% endfor %}",
    "itself": "{% include 'a.j2' %}",
}


@pytest.mark.parametrize("greedy", GREEDY)
def test_a_greedy_template_ends_as_a_reason(greedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 20_000)  # a tenth of the real ones, to be quick
    assert reason_of(rendered(GREEDY[greedy])).startswith("render error: base/templates/a.j2:")


def test_the_limits_leave_room_for_real_files() -> None:
    made = rendered(
        "{% for a in range(50) %}{% for b in range(200) %}server 10.0.{{ a }}.{{ b }}:80;\n{% endfor %}{% endfor %}"
    )
    assert text_of(made).count("\n") == 10_000


def test_a_loop_still_knows_its_length_and_its_last_turn() -> None:
    template = "{% for r in roles %}{{ loop.index }}/{{ loop.length }}{{ '' if loop.last else ',' }}{% else %}none{% endfor %}"
    assert text_of(rendered(template, variables="{roles: [a, b]}")) == "1/2,2/2"
    assert text_of(rendered(template, variables="{roles: []}")) == "none"
    assert (
        text_of(rendered("{% for a in roles | select %}{{ a }}{% endfor %}", variables="{roles: [a, b]}"))
        == "ab"
    )


def test_the_hosts_own_variables_win_and_stay_its_own() -> None:
    definition = parse_definition(
        tree("variables: {colour: red}\nfiles:\n  /a: {template: a}", **{"base/templates/a": "{{ colour }}"})
    )
    contents = [
        desired_manifest(definition, HostView(name, "prod", (), variables)).resources["file:/a"].content
        for name, variables in (("a", {"colour": "green"}), ("b", {}), ("c", {"facts": 1, "host": 2}))
    ]
    assert contents == [b"green", b"red", b"red"]


@pytest.mark.parametrize(
    ("later", "state"),
    [
        ("{content: x}", Present({"type": "file", "sha256": hashlib.sha256(b"x").hexdigest()})),
        ("{template: null}", Present({"type": "file"})),
        ("{state: absent}", ABSENT),
    ],
)
def test_a_template_that_a_later_layer_replaces_is_not_rendered(later: str, state: State) -> None:
    files = {"base/templates/a": "{{ nothing }}", "roles/web/resources.yaml": f"files:\n  /a: {later}"}
    made = desired("files:\n  /a: {template: a}", "file:/a", **files)
    assert made.state == state
    assert made.variables == {}


def test_hosts_with_layers_of_their_own_share_all_that_those_do_not_touch() -> None:
    count = MAX_SHARED + 20
    own = {f"hosts/h{n}/resources.yaml": "files:\n  /b: {content: own}" for n in range(count)}
    definition = parse_definition(tree("files:\n  /a: {content: a}\n  /b: {content: b}", **own))
    manifests = [desired_manifest(definition, HostView(f"h{n}", "prod")) for n in range(count)]
    base = desired_manifest(definition, HostView("other", "prod"))
    assert all(each.resources["file:/a"] is base.resources["file:/a"] for each in manifests)
    assert {each.resources["file:/b"].content for each in manifests} == {b"own"}
    assert base.resources["file:/b"].content == b"b"
    assert all(len(definition.cache[kind]) <= MAX_SHARED for kind in ("merged", "plans"))


paths = st.sampled_from(["/a", "/b"])


def section(**attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    given = st.fixed_dictionaries(
        {}, optional={name: st.none() | value for name, value in attributes.items()}
    )
    return st.dictionaries(paths, st.none() | given, max_size=2)


state = st.sampled_from(["absent", "present"])
declarations = st.fixed_dictionaries(
    {},
    optional={
        "files": section(state=state, secret=st.just("s"), owner=st.sampled_from(["app", "www"])),
        "directories": section(state=state, exhaustive=st.booleans()),
        "symlinks": section(state=state, target=st.just("x")),
    },
).filter(
    lambda made: all(
        sum(section.get(path) is not None for section in made.values()) < 2 for path in ("/a", "/b")
    )
)


@settings(max_examples=15, deadline=None)
@given(st.lists(declarations, min_size=1, max_size=4))
def test_layers_say_what_one_layer_with_the_merged_result_would_say(layers: list[dict[str, Any]]) -> None:
    roles = tuple(f"r{n}" for n in range(len(layers)))
    host = HostView("web-3", "prod", roles)
    definition = parse_definition(
        tree(
            "",
            **{
                f"roles/{role}/resources.yaml": json.dumps(made)
                for role, made in zip(roles, layers, strict=True)
            },
        )
    )
    for role in roles:  # the parts that are shared are made by other hosts first, in another order
        desired_manifest(definition, HostView("other", "prod", (role, *roles)))
    merged = merge(definition, host)
    manifest = desired_manifest(definition, host)
    for resource in merged.conflicts:
        assert isinstance(manifest.resources[resource].state, Unknown)
    alone: dict[str, Any] = {}
    for resource, declared in merged.resources.items():
        if resource not in merged.conflicts:
            values = {name: attribute.value for name, attribute in declared.attributes.items()}
            alone.setdefault(declared.section, {})[declared.key] = values
    single = desired_manifest(parse_definition(tree(json.dumps(alone))), host)
    undisputed = {name: made for name, made in manifest.resources.items() if name not in merged.conflicts}
    assert list(undisputed) == list(single.resources)
    assert [(m.attributes, m.how, m.secret_name) for m in undisputed.values()] == [
        (m.attributes, m.how, m.secret_name) for m in single.resources.values()
    ]
    assert [m.state for m in undisputed.values() if m.is_decided] == [
        m.state for m in single.resources.values() if m.is_decided
    ]
    assert manifest.exhaustive == single.exhaustive


names = st.sampled_from(["a", "b", "c"])


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(names, st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)))
def test_rendering_twice_gives_the_same_bytes(variables: dict[str, Any]) -> None:
    host = HostView("web-3", "prod", (), variables)
    template = "{% for k in ['a', 'b', 'c'] %}{{ k }}{% endfor %}{{ [a | default(1), b | default('')] | tojson }}{{ c | default }}"
    files = tree("files:\n  /a: {template: a.j2}", **{"base/templates/a.j2": template})
    first, second = (desired_manifest(parse_definition(files), host).resources["file:/a"] for _ in range(2))
    assert first == second
    assert isinstance(first.state, Present)
