"""Changes of rendered files: the template or a variable is changed, never the rendered text behind its back."""

import pytest

from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to
from deployments.core.definition.placement import Placement
from deployments.core.definition.render import desired_resource
from inventory.core.host_view import HostView
from tests.core.placing import DEFINITION, FILES, NGINX, STAGING, WEB, by_layer, changed, edited, place, tree

TEMPLATE = "roles/web/templates/nginx.conf.j2"


def number(host: HostView) -> str:
    return host.name[-1]


def with_template(template: str, variables: str = "{}") -> dict[str, bytes]:
    return tree({TEMPLATE: template, "base/resources.yaml": f"variables: {variables}\n"})


def placed(template: str, old: str, new: str, variables: str = "{}", hosts=WEB[:2]) -> list[Placement]:  # type: ignore[no-untyped-def]
    definition = parse_definition(with_template(template, variables))
    return place(edited(definition, NGINX, hosts, lambda text, host: text.replace(old, new)), definition)


def edit_of_template(found: list[Placement]) -> Placement:
    return next(placement for placement in found if placement.kind_of_edit == "edit template")


def test_a_plain_line_of_the_template_is_edited() -> None:
    found = place(edited(DEFINITION, NGINX, WEB[:3], lambda text, host: text.replace("1024", "4096")))
    assert (found[0].layer, found[0].kind_of_edit) == ("roles/web", "edit template")
    assert changed(found[0]) == ["-    worker_connections 1024;", "+    worker_connections 4096;"]
    assert list(found[0].edits) == [TEMPLATE]


def test_the_placeholder_stays_where_the_change_is_beside_it() -> None:
    found = place(edited(DEFINITION, NGINX, WEB, lambda text, host: text.replace(":80;", ":8080 backlog=9;")))
    assert changed(found[0]) == [
        "-    listen {{ listen_ip }}:80;",
        "+    listen {{ listen_ip }}:8080 backlog=9;",
    ]


def test_one_edit_gives_each_host_its_own_text() -> None:
    def edit(text: str, host: HostView) -> str:
        ip = f"10.0.0.{number(host)}"
        return text.replace(f"listen {ip}:80;", f"listen {ip}:80 default;\n    listen {ip}:443 ssl;")

    found = place(edited(DEFINITION, NGINX, (*WEB, *STAGING), edit))
    assert changed(found[0]) == [
        "-    listen {{ listen_ip }}:80;",
        "+    listen {{ listen_ip }}:80 default;",
        "+    listen {{ listen_ip }}:443 ssl;",
    ]


def test_new_lines_name_the_host_and_not_one_of_them() -> None:
    def edit(text: str, host: HostView) -> str:
        return text.replace("http {", f"allow {host.address};  # {host.name}\nhttp {{")

    found = place(edited(DEFINITION, NGINX, WEB[:1], edit))
    assert changed(found[0]) == ["+allow {{ host.address }};  # {{ host.name }}"]


def test_an_address_of_the_inventory_in_a_new_line_becomes_its_placeholder() -> None:
    def edit(text: str, host: HostView) -> str:
        return text.replace("http {", f"http {{\n    allow 10.0.0.{number(host)};")

    found = place(edited(DEFINITION, NGINX, WEB[:1], edit))
    assert changed(found[0]) == ["+    allow {{ listen_ip }};"]


def test_a_value_that_other_hosts_do_not_have_is_no_placeholder() -> None:
    here = HostView("web-1", "prod", ("web",), {"listen_ip": "10.0.0.1", "backup_ip": "10.7.7.7"}, {}, None)
    change = edited(
        DEFINITION, NGINX, (here,), lambda text, host: text.replace("http {", "http {\n    allow 10.7.7.7;")
    )
    found = place(change, hosts=(here, *WEB[1:]))
    assert found[0].safe and changed(found[0]) == ["+    allow 10.7.7.7;"]


def test_lines_taken_out_are_taken_out_of_the_template() -> None:
    found = place(
        edited(
            DEFINITION,
            NGINX,
            WEB,
            lambda text, host: text.replace(f"    server_name {host.name}.example;\n", ""),
        )
    )
    assert changed(found[0]) == ["-    server_name {{ host.name }}.example;"]


def test_several_hunks_are_one_edit() -> None:
    def edit(text: str, host: HostView) -> str:
        return "# kept by hand\n" + text.replace("1024", "2048").replace("http {", "http { # all") + "# end\n"

    found = place(edited(DEFINITION, NGINX, WEB, edit))
    assert [line for line in changed(found[0]) if line.startswith("+")] == [
        "+# kept by hand",
        "+    worker_connections 2048;",
        "+http { # all",
        "+# end",
    ]


def test_a_variable_takes_its_new_value_where_it_is_declared() -> None:
    found = place(
        edited(DEFINITION, NGINX, WEB[:3], lambda text, host: text.replace("processes 4", "processes 8"))
    )
    assert [(placement.layer, placement.kind_of_edit) for placement in found] == [
        ("base", "change variable"),
        ("roles/web", "change variable"),
        ("environments/prod/roles/web", "change variable"),
        ("environments/prod", "change variable"),
        ("hosts/*", "change variable"),
        ("hosts/*", "override here"),
    ]
    assert changed(found[0])[1].startswith("+variables: {workers: 8, tls: false")
    assert changed(found[1]) == ["+variables: {workers: 8}"]


def test_an_entry_of_a_variable_is_changed_in_place() -> None:
    found = place(
        edited(DEFINITION, NGINX, WEB[:1], lambda text, host: text.replace("timeout 60", "timeout 75"))
    )
    assert 'nginx: {timeout: 75, name: "main"}' in changed(found[0])[1]
    assert "nginx.timeout" in found[0].explanation


@pytest.mark.parametrize(
    ("variables", "old", "new", "line"),
    [
        ("{v: 4}", "v=4", "v=5", "+variables: {v: 5}"),
        ("{v: '4'}", "v=4", "v=5", "+variables: {v: '5'}"),
        ('{v: "4"}', "v=4", "v=x y", '+variables: {v: "x y"}'),
        ("{v: abc}", "v=abc", "v=def", "+variables: {v: def}"),
        ("{v: 1.5}", "v=1.5", "v=2.25", "+variables: {v: 2.25}"),
        ("{v: true}", "v=True", "v=False", "+variables: {v: false}"),
    ],
)
def test_the_type_and_quoting_of_a_variable_stay(variables: str, old: str, new: str, line: str) -> None:
    found = placed("a\nv={{ v }}\nb\n", old, new, variables)
    assert found[0].kind_of_edit == "change variable" and changed(found[0])[1] == line


def test_a_number_does_not_become_text() -> None:
    found = placed("v={{ v }}\n", "v=4", "v=auto", "{v: 4}")
    assert not found[0].safe and "{{ v }}" in found[0].why_not


def test_a_switch_that_explains_the_change_is_turned() -> None:
    def edit(text: str, host: HostView) -> str:
        return text.replace("4;\n\nevents", "4;\n\nssl on;\n\nevents")

    found = place(edited(DEFINITION, NGINX, WEB[:2], edit))
    assert found[0].kind_of_edit == "change variable" and "tls: true" in found[0].patch


def test_a_list_that_a_loop_writes_gets_its_item() -> None:
    def edit(text: str, host: HostView) -> str:
        return text.replace("    server b;\n", "    server b;\n\n    server c;\n")

    found = place(edited(DEFINITION, NGINX, WEB[:2], edit))
    assert (found[0].layer, changed(found[0])[1]) == (
        "environments/prod",
        "+variables: {upstreams: [a, b, c]}",
    )


def test_a_value_of_the_inventory_is_not_changed_in_the_definition() -> None:
    found = place(edited(DEFINITION, NGINX, WEB[:2], lambda text, host: text.replace("10.0.0.", "10.9.9.")))
    assert not found[0].safe and found[0].edits == {}
    assert "listen_ip comes from the inventory of web-1, web-2" in found[0].why_not


def test_what_cannot_be_mapped_names_the_line_a_person_must_edit() -> None:
    found = placed("x\nmemory {{ facts_like|int * 2 }};\n", "memory 8", "memory 12", "{facts_like: 4}")
    refused = edit_of_template(found)
    assert not refused.safe and f"{TEMPLATE}:2" in refused.why_not and "facts_like|int * 2" in refused.why_not


def test_the_rendered_text_is_the_last_resort_and_says_so() -> None:
    found = placed("x\nmemory {{ v|int * 2 }};\n", "memory 8", "memory 12", "{v: 4}")
    last = found[-1]
    assert (
        last.last_resort
        and last.safe
        and last.layer == "hosts/*"
        and last.explanation.startswith("Last resort")
    )
    assert not any(placement.last_resort for placement in found[:-1])
    assert last.edits["hosts/web-1/files/etc/nginx/nginx.conf"] == b"x\nmemory 12;\n"


def test_an_included_template_is_edited_itself() -> None:
    files = tree(
        {TEMPLATE: "top\n{% include 'part.j2' %}", "base/templates/part.j2": "part {{ host.name }} old\n"}
    )
    definition = parse_definition(files)
    found = place(
        edited(definition, NGINX, WEB[:2], lambda text, host: text.replace("old", "new")), definition
    )
    assert (found[0].layer, list(found[0].edits)) == ("base", ["base/templates/part.j2"])


def test_hosts_that_differ_in_unexplained_text_need_a_person() -> None:
    words = {"web-1": "alpha", "web-2": "beta"}
    found = place(
        edited(DEFINITION, NGINX, WEB[:2], lambda text, host: text.replace("1024", words[host.name]))
    )
    refused = edit_of_template(found)
    assert not refused.safe and "different text" in refused.why_not


def test_hosts_in_different_branches_share_one_edit() -> None:
    template = "{% if host.environment == 'prod' %}\nprod old\n{% else %}\nstaging old\n{% endif %}\nend\n"
    definition = parse_definition(with_template(template))
    change = edited(definition, NGINX, (WEB[0], STAGING[0]), lambda text, host: text.replace("old", "new"))
    found = edit_of_template(place(change, definition))
    assert found.safe
    assert changed(found) == ["-prod old", "+prod new", "-staging old", "+staging new"]


def test_an_edit_that_breaks_another_host_is_not_safe() -> None:
    template = "a {% if v > 4 and not other is defined %}{{ nothing }}{% endif %}v={{ v }}\n"
    files = with_template(template, "{v: 4}")
    files["environments/prod/resources.yaml"] = b"variables: {other: 1}\n"
    definition = parse_definition(files)
    found = place(
        edited(definition, NGINX, WEB[:1], lambda text, host: text.replace("v=4", "v=5")), definition
    )
    assert not found[0].safe and "web-7" in found[0].why_not and "nothing" in found[0].why_not
    assert by_layer(found)["environments/prod"].safe


def test_a_copy_of_the_template_is_proposed_for_later_layers() -> None:
    found = place(edited(DEFINITION, NGINX, WEB[:2], lambda text, host: text.replace("1024", "4096")))
    copy = by_layer(found)["environments/prod/roles/web"]
    assert copy.kind_of_edit == "override here" and "two templates" in copy.explanation
    after = parse_definition(apply_to(FILES, copy.edits))
    staging = desired_resource(after, STAGING[0], NGINX)
    assert staging is not None and b"1024" in (staging.content or b"")


def test_mode_and_text_of_a_rendered_file_are_one_placement() -> None:
    found = place(
        edited(DEFINITION, NGINX, WEB[:2], lambda text, host: text.replace("1024", "4096"), mode="0600")
    )
    assert sorted(found[0].edits) == ["roles/web/resources.yaml", TEMPLATE]
    assert found[0].safe
