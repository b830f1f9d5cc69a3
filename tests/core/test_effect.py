"""What an edit of the definition changes, on which hosts, and the digest that an approval binds."""

import time
from collections.abc import Mapping

import pytest

from deployments.core.definition.effect import effect, effect_digest
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to, changed_lines, unified_diff
from deployments.core.definition.render import desired_manifest
from deployments.core.states import ABSENT, UNDECLARED, State, Unknown
from inventory.core.host_view import HostView
from tests.core.placing import APP, DB, DEFINITION, FILES, FLEET, ISSUE, NGINX, STAGING, WEB, present, tree

SOURCE = "roles/web/files/srv/app/app.ini"


def after(edits: Mapping[str, bytes | None]):  # type: ignore[no-untyped-def]
    return parse_definition(apply_to(FILES, edits), previous=DEFINITION)


def outcomes(
    edits: Mapping[str, bytes | None], live: Mapping[tuple[str, str], State] | None = None
) -> dict[str, str]:
    found = effect(DEFINITION, after(edits), FLEET, live)
    return {f"{item.host} {item.resource}": item.outcome for item in found.resources}


def test_an_edit_reaches_the_hosts_of_its_layer_and_no_others() -> None:
    assert outcomes({SOURCE: b"new"}) == {f"{host.name} {APP}": "changed" for host in (*WEB, *STAGING)}
    found = effect(DEFINITION, after({SOURCE: b"new"}), FLEET)
    assert found.hosts == len(FLEET) and DB.name not in found.hosts_of("changed")


def test_live_tells_pending_from_right_and_from_conflict() -> None:
    old = FILES[SOURCE]
    live: dict[tuple[str, str], State] = {
        ("web-1", APP): present(b"new", mode="0640"),
        ("web-2", APP): present(old, mode="0640"),
        ("web-3", APP): present(b"other", mode="0640"),
        ("web-4", APP): Unknown("timed out"),
        ("web-5", APP): ABSENT,
    }
    found = effect(DEFINITION, after({SOURCE: b"new"}), FLEET, live)
    assert found.hosts_of("already right") == ("web-1",)
    assert found.hosts_of("in conflict") == ("web-3", "web-5")
    assert found.hosts_of("changed") == ("web-2", "web-4", "web-7", "web-8")
    known = {item.host: item.live_is_known for item in found.resources}
    assert known["web-2"] and not known["web-4"] and not known["web-7"]


def test_a_variable_reaches_only_what_uses_it() -> None:
    workers = FILES["base/resources.yaml"].replace(b"workers: 4", b"workers: 8")
    assert set(outcomes({"base/resources.yaml": workers})) == {
        f"{host.name} {NGINX}" for host in (*WEB, *STAGING)
    }


def test_a_value_of_the_inventory_shields_its_host() -> None:
    workers = FILES["base/resources.yaml"].replace(b"workers: 4", b"workers: 8")
    own = HostView("web-9", "prod", ("web",), {"listen_ip": "10.0.0.9", "workers": 2})
    assert effect(DEFINITION, after({"base/resources.yaml": workers}), [own]).resources == ()


def test_a_comment_changes_nothing_on_any_host() -> None:
    assert outcomes({"base/resources.yaml": b"# moved\n" + FILES["base/resources.yaml"]}) == {}


def test_what_would_no_longer_be_declared_is_said() -> None:
    gone = FILES["base/resources.yaml"].partition(b"  /etc/issue")[0]
    assert outcomes({"base/resources.yaml": gone}) == {
        f"{host.name} {ISSUE}": "no longer managed" for host in FLEET
    }


def test_in_an_exhaustive_directory_undeclared_means_absent() -> None:
    resource = "file:/etc/nginx/conf.d/a.conf"
    declared = FILES["roles/web/resources.yaml"].replace(
        b"files:\n", b"files:\n  /etc/nginx/conf.d/a.conf: {content: a}\n"
    )
    found = effect(
        DEFINITION, after({"roles/web/resources.yaml": declared}), WEB[:1], {("web-1", resource): ABSENT}
    )
    (only,) = found.resources
    assert (only.resource, only.before, only.outcome) == (resource, ABSENT, "changed")


def test_a_file_that_is_in_the_way_of_a_new_declaration_is_a_conflict() -> None:
    declared = FILES["base/resources.yaml"].replace(b"files:\n", b"files:\n  /etc/new: {content: a}\n")
    for live, outcome in (
        (present(b"b"), "in conflict"),
        (present(b"a"), "already right"),
        (UNDECLARED, "changed"),
    ):
        found = outcomes({"base/resources.yaml": declared}, {("db-1", "file:/etc/new"): live})
        assert found["db-1 file:/etc/new"] == outcome


def test_a_template_that_no_longer_renders_is_unknown_with_the_reason() -> None:
    path = "roles/web/templates/nginx.conf.j2"
    found = effect(DEFINITION, after({path: b"{{ nothing }}\n"}), FLEET)
    assert {item.outcome for item in found.resources} == {"unknown"}
    assert "nothing" in found.resources[0].reason


@pytest.mark.parametrize(
    "include", ["{% include 'part.j2' %}", "{% include name %}", "{% include ['part.j2'] %}"]
)
def test_an_included_template_reaches_what_includes_it(include: str) -> None:
    files = tree({
        "roles/web/templates/nginx.conf.j2": include + "\n",
        "base/templates/part.j2": "old\n",
        "base/resources.yaml": "variables: {name: part.j2}\n",
    })  # fmt: skip
    before = parse_definition(files)
    edited = parse_definition({**files, "base/templates/part.j2": b"new\n"}, previous=before)
    assert {item.resource for item in effect(before, edited, FLEET).resources} == {NGINX}


def test_numbers_and_truth_values_are_told_apart() -> None:
    files = tree(
        {"base/resources.yaml": "variables: {v: 1}\n", "roles/web/templates/nginx.conf.j2": "{{ v }}"}
    )
    before = parse_definition(files)
    edited = parse_definition({**files, "base/resources.yaml": b"variables: {v: true}\n"}, previous=before)
    assert effect(before, edited, WEB[:1]).hosts_of("changed") == ("web-1",)


def test_what_is_found_is_what_rendering_everything_would_find() -> None:
    path = "roles/web/templates/nginx.conf.j2"
    edits = {
        path: FILES[path].replace(b"1024", b"9"),
        "environments/prod/resources.yaml": b"variables: {upstreams: [z]}\n",
    }
    edited = after(edits)
    whole = set()
    for host in FLEET:
        was, becomes = desired_manifest(DEFINITION, host).resources, desired_manifest(edited, host).resources
        whole |= {(host.name, name) for name in becomes if was[name].state != becomes[name].state}
    assert {(item.host, item.resource) for item in effect(DEFINITION, edited, FLEET).resources} == whole


# --- what an approval binds ---------------------------------------------------------------------------------------


def digest_of(files: Mapping[str, bytes], edits: Mapping[str, bytes | None], hosts=FLEET) -> str:  # type: ignore[no-untyped-def]
    before = parse_definition(files)
    return effect_digest(files, edits, effect(before, parse_definition(apply_to(files, edits)), hosts))


def test_a_clean_rebase_keeps_the_digest() -> None:
    edits: dict[str, bytes | None] = {SOURCE: FILES[SOURCE].replace(b"80", b"81")}
    moved = {**FILES, "base/resources.yaml": b"# a note\n" + FILES["base/resources.yaml"]}
    assert digest_of(FILES, edits) == digest_of(moved, edits)
    nginx = "roles/web/templates/nginx.conf.j2"
    first = {nginx: FILES[nginx].replace(b"1024", b"2048")}
    shifted = {**FILES, nginx: FILES[nginx].replace(b"}\nhttp", b"}\n\n\nhttp")}
    lines = [
        list(changed_lines(files, edit))
        for files, edit in ((FILES, first), (shifted, {nginx: shifted[nginx].replace(b"1024", b"2048")}))
    ]
    assert lines[0] == lines[1], "line numbers and context are not part of it"


def test_anything_else_voids_it() -> None:
    edits: dict[str, bytes | None] = {SOURCE: FILES[SOURCE].replace(b"80", b"81")}
    first = digest_of(FILES, edits)
    assert digest_of(FILES, {SOURCE: FILES[SOURCE].replace(b"80", b"82")}) != first
    assert (
        digest_of(FILES, {**edits, "base/resources.yaml": FILES["base/resources.yaml"] + b"# x\n"}) != first
    )
    assert digest_of(FILES, edits, WEB) != first, "another set of hosts is another effect"
    shadowed = {**FILES, "hosts/web-1/resources.yaml": b"files: {/srv/app/app.ini: {content: own}}\n"}
    assert digest_of(shadowed, edits) != first, "the same lines, but one host is not reached any more"


def test_a_line_is_bound_with_its_section_in_a_layer_that_no_host_has_yet() -> None:
    path = "roles/later/resources.yaml"
    digests = {
        digest_of(FILES, {path: f"{section}:\n  deploy: {{}}\n".encode()}) for section in ("users", "groups")
    }
    assert len(digests) == 2
    beside = {**FILES, path: b"users:\n  other: {}\n"}
    assert digest_of(beside, {path: beside[path] + b"  deploy: {}\n"}) in digests


def test_a_file_of_a_host_that_is_called_like_one_of_ours_is_bound_line_by_line() -> None:
    path = "roles/web/files/srv/app/resources.yaml"
    digests = {digest_of(FILES, {path: text}, hosts=()) for text in (b"admins:\n", b"guests:\n", b"\n")}
    assert len(digests) == 3
    ours = "roles/new/resources.yaml"
    assert digest_of(FILES, {ours: b"users:\n"}, hosts=()) == digest_of(FILES, {ours: b"\n"}, hosts=())


def test_a_patch_names_new_deleted_binary_and_unended_files() -> None:
    files = {"a": b"one\ntwo\n", "b": b"x", "c": b"\0", "e": b"same\n"}
    edits = {"a": b"one\n2", "b": None, "c": b"\0\1", 'd"q': b"new\n", "e": b"same\n", "f": b""}
    assert (
        unified_diff(files, edits)
        == """\
diff --git a/a b/a
--- a/a
+++ b/a
@@ -1,2 +1,2 @@
 one
-two
+2
\\ No newline at end of file
diff --git a/b b/b
deleted file mode 100644
--- a/b
+++ /dev/null
@@ -1 +0,0 @@
-x
\\ No newline at end of file
diff --git a/c b/c
Binary files a/c and b/c differ
diff --git "a/d\\"q" "b/d\\"q"
new file mode 100644
--- /dev/null
+++ "b/d\\"q"
@@ -0,0 +1 @@
+new
diff --git a/f b/f
new file mode 100644
"""
    )


def test_hundreds_of_hosts_take_little_time() -> None:
    hosts = [
        HostView(
            f"web-{n}", "prod" if n % 2 else "staging", ("web",), {"listen_ip": f"10.0.{n // 250}.{n % 250}"}
        )
        for n in range(300)
    ]
    workers = FILES["base/resources.yaml"].replace(b"workers: 4", b"workers: 8")
    edited = after({"base/resources.yaml": workers})
    started = time.process_time()
    assert len(effect(DEFINITION, edited, hosts).resources) == 300
    assert time.process_time() - started < 1.0
