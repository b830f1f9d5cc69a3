"""Merging layers: laws that hold for all layers, and the cases that people ask about."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.core.definition.merge import layers_for, merge, merge_layers
from deployments.core.definition.model import CONTENT_GROUP, Attribute, Declaration, Layer, Merged, Origin
from deployments.core.definition.parse import parse_definition
from inventory.core.host_view import HostView

WEB_3 = HostView("web-3", "prod", ("base-os", "web"))

values = st.sampled_from([None, "a", "b"])
files = st.dictionaries(
    st.sampled_from(["/a", "/b"]),
    st.none()
    | st.dictionaries(st.sampled_from(["content", "template", "owner", "mode", "state"]), values, max_size=3),
    max_size=2,
)
contents = st.tuples(st.dictionaries(st.sampled_from(["x", "y"]), values, max_size=2), files)
few = settings(max_examples=15, deadline=None)


def layer(name: str, content: tuple[dict[str, Any], dict[str, dict[str, Any] | None]]) -> Layer:
    origin = Origin(name, f"{name}/resources.yaml", 1)
    variables, declared = content
    return Layer(
        name,
        {key: Attribute(value, origin) for key, value in variables.items()},
        {
            f"file:{path}": Declaration(
                "files",
                f"file:{path}",
                path,
                None if given is None else {key: Attribute(value, origin) for key, value in given.items()},
                origin,
            )
            for path, given in declared.items()
        },
    )


def plain(merged: Merged) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    return (
        {name: attribute.value for name, attribute in merged.variables.items()},
        {
            resource: {name: attribute.value for name, attribute in declared.attributes.items()}
            for resource, declared in merged.resources.items()
        },
    )


@few
@given(st.lists(contents, max_size=3))
def test_an_empty_layer_changes_nothing_wherever_it_stands(given_layers: list[Any]) -> None:
    layers = [layer(str(at), content) for at, content in enumerate(given_layers)]
    empty = layer("empty", ({}, {}))
    for at in range(len(layers) + 1):
        assert plain(merge_layers([*layers[:at], empty, *layers[at:]])) == plain(merge_layers(layers))


@few
@given(st.lists(contents, max_size=3), contents)
def test_what_the_last_layer_sets_is_what_comes_out(earlier: list[Any], last: Any) -> None:
    layers = [layer(str(at), content) for at, content in enumerate([*earlier, last])]
    merged = merge_layers(layers)
    variables, resources = plain(merged)
    for name, value in last[0].items():
        assert variables.get(name) == value
    for path, attributes in last[1].items():
        if attributes is None:
            assert f"file:{path}" not in resources
            continue
        for name, value in attributes.items():
            contradicted = name in CONTENT_GROUP and any(
                attributes.get(other) is not None and other != name for other in CONTENT_GROUP
            )
            if value is None:
                assert name not in resources.get(f"file:{path}", {})
            elif not contradicted or name == next(reversed([n for n in attributes if n in CONTENT_GROUP])):
                assert resources[f"file:{path}"][name] == value
                assert merged.resources[f"file:{path}"].attributes[name].origin.layer == layers[-1].name


@few
@given(st.lists(contents, max_size=3))
def test_null_is_never_part_of_the_result(given_layers: list[Any]) -> None:
    variables, resources = plain(merge_layers(layer(str(at), one) for at, one in enumerate(given_layers)))
    assert None not in variables.values()
    assert all(None not in attributes.values() for attributes in resources.values())


@few
@given(st.lists(contents, max_size=2), st.sampled_from(["/a", "/b"]))
def test_after_null_it_is_as_if_nothing_had_been_declared(earlier: list[Any], path: str) -> None:
    layers = [layer(str(at), content) for at, content in enumerate(earlier)]
    undeclared = merge_layers([*layers, layer("last", ({}, {path: None}))])
    again = layer("again", ({}, {path: {"owner": "a"}}))
    assert f"file:{path}" not in undeclared.resources
    assert plain(merge_layers([*layers, layer("last", ({}, {path: None})), again]))[1][f"file:{path}"] == {
        "owner": "a"
    }


def test_layers_come_in_order_later_wins() -> None:
    assert layers_for(WEB_3) == (
        "base",
        "environments/prod",
        "roles/base-os",
        "roles/web",
        "environments/prod/roles/base-os",
        "environments/prod/roles/web",
        "hosts/web-3",
    )


def tree(**layers: str) -> dict[str, bytes]:
    made = {f"{name.replace('__', '/')}/resources.yaml": text.encode() for name, text in layers.items()}
    return {"definition.yaml": b"format: 1\n", **made}


def test_each_attribute_comes_from_the_layer_that_said_it_last() -> None:
    definition = parse_definition(
        tree(
            base='files:\n  /a: {content: base, owner: root, mode: "0644"}',
            roles__web="files:\n  /a:\n    owner: www-data\n",
            hosts__db="files:\n  /a: {owner: never}\n",
        )
    )
    merged = merge(definition, WEB_3)
    declared = merged.resources["file:/a"]
    assert merged.layers == ("base", "roles/web")
    assert {name: (each.value, each.origin.layer) for name, each in declared.attributes.items()} == {
        "content": ("base", "base"),
        "mode": ("0644", "base"),
        "owner": ("www-data", "roles/web"),
    }
    assert (declared.origin.layer, declared.origin.line) == ("roles/web", 2)


def test_another_kind_of_content_replaces_the_earlier_one() -> None:
    definition = parse_definition(
        tree(base="files:\n  /a: {content: base}", roles__web="files:\n  /a: {secret: name}")
    )
    assert set(merge(definition, WEB_3).resources["file:/a"].attributes) == {"secret"}


def test_lists_and_variables_are_replaced_whole() -> None:
    definition = parse_definition(
        tree(
            base="variables: {ports: [1, 2], nginx: {a: 1}}\nfiles:\n  /a: {notify: [x, y]}",
            roles__web="variables: {ports: [3], nginx: {b: 2}}\nfiles:\n  /a: {notify: [z]}",
        )
    )
    merged = merge(definition, WEB_3)
    assert merged.variables["ports"].value == [3]
    assert merged.variables["nginx"].value == {"b": 2}
    assert merged.resources["file:/a"].get("notify") == ["z"]


def test_null_takes_back_one_attribute_and_leaves_the_others() -> None:
    definition = parse_definition(
        tree(
            base='files:\n  /a: {content: a, mode: "0644"}\n  /b: {mode: "0644"}',
            roles__web="files:\n  /a: {mode: ~}\n  /b: {mode: ~}",
        )
    )
    merged = merge(definition, WEB_3)
    assert set(merged.resources["file:/a"].attributes) == {"content"}
    assert merged.resources["file:/b"].attributes == {}


def test_taking_back_an_attribute_that_nobody_gave_declares_nothing() -> None:
    definition = parse_definition(tree(base="files:\n  /a: {mode: null}\n  /b: {}"))
    assert set(merge(definition, WEB_3).resources) == {"file:/b"}


def test_a_path_declared_as_two_kinds_is_a_conflict_until_one_is_taken_back() -> None:
    base, web = "files:\n  /a: {}", "symlinks:\n  /a: {target: b}"
    merged = merge(parse_definition(tree(base=base, roles__web=web)), WEB_3)
    assert set(merged.conflicts) == {"file:/a", "symlink:/a"}
    assert "base/resources.yaml:2" in merged.conflicts["file:/a"]
    assert "roles/web/resources.yaml:2" in merged.conflicts["file:/a"]
    settled = merge(parse_definition(tree(base=base, roles__web=f"{web}\nfiles:\n  /a: null")), WEB_3)
    assert not settled.conflicts
    assert set(settled.resources) == {"symlink:/a"}


def test_hosts_with_the_same_layers_share_the_merged_result() -> None:
    definition = parse_definition(tree(base="files:\n  /a: {}"))
    assert merge(definition, WEB_3) is merge(definition, HostView("db-1", "test", ("db",)))
