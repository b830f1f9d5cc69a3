"""Where a change by hand is folded back: the layers proposed, in which order, and what each one writes."""

import pytest

from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement import LiveChange, Occurrence, placements
from deployments.core.git_safety import check_tree_path
from deployments.core.states import ABSENT, UNDECLARED, Present, Unknown
from tests.core.placing import (
    APP,
    DB,
    DEFINITION,
    FILES,
    FLEET,
    ISSUE,
    NGINX,
    WEB,
    by_layer,
    changed,
    edited,
    place,
    present,
    seen,
    tree,
    web,
)


def test_a_source_file_is_edited_where_it_lies() -> None:
    found = place(edited(DEFINITION, APP, WEB[:3], lambda text, host: text.replace("80", "8080")))
    assert [placement.layer for placement in found] == ["roles/web", "environments/prod/roles/web", "hosts/*"]
    first = found[0]
    assert (first.kind_of_edit, first.safe, first.last_resort) == ("edit source file", True, False)
    assert first.edits == {"roles/web/files/srv/app/app.ini": b"[app]\nport = 8080\nname = x"}
    assert changed(first) == ["-port = 80", "+port = 8080"]
    assert "7 hosts, 3 of them with this change" in first.explanation


def test_a_later_layer_gets_a_file_and_an_entry_of_its_own() -> None:
    found = place(edited(DEFINITION, APP, WEB[:2], lambda text, host: text + "\n"))
    override = by_layer(found)["environments/prod/roles/web"]
    assert override.kind_of_edit == "override here"
    assert override.edits == {
        "environments/prod/roles/web/files/srv/app/app.ini": b"[app]\nport = 80\nname = x\n",
        "environments/prod/roles/web/resources.yaml": b"files:\n  /srv/app/app.ini: {source: srv/app/app.ini}\n",
    }


def test_each_host_on_its_own_edits_all_their_layers() -> None:
    found = place(edited(DEFINITION, APP, WEB[:2], lambda text, host: text.replace("80", "81")))
    assert sorted(by_layer(found)["hosts/*"].edits) == [
        "hosts/web-1/files/srv/app/app.ini",
        "hosts/web-1/resources.yaml",
        "hosts/web-2/files/srv/app/app.ini",
        "hosts/web-2/resources.yaml",
    ]
    assert "hosts/web-1" in by_layer(place(edited(DEFINITION, APP, WEB[:1], lambda text, host: "x")))


def test_content_is_edited_in_its_layer_or_said_anew_in_another() -> None:
    found = place(edited(DEFINITION, ISSUE, WEB[:3], lambda text, host: text + "more\n"))
    layers = [placement.layer for placement in found]
    assert layers == ["base", "roles/web", "environments/prod/roles/web", "environments/prod", "hosts/*"]
    assert changed(found[0]) == ["+      more"]
    assert changed(found[1]) == [
        "+  /etc/issue:",
        "+    content: |",
        *(f"+      {w}" for w in ("hello", "there", "more")),
    ]
    assert all(placement.safe for placement in found)


def test_content_and_mode_that_changed_together_are_one_placement() -> None:
    found = place(edited(DEFINITION, ISSUE, WEB[:2], lambda text, host: "bye\n", mode="0600"))
    assert changed(found[0]) == [
        "-      hello", "-      there", '-    mode: "0644"   # as always',
        "+      bye", '+    mode: "0600"   # as always',
    ]  # fmt: skip
    assert all(placement.safe for placement in found)


def test_a_mode_is_set_where_it_is_declared() -> None:
    live = present(FILES["roles/web/files/srv/app/app.ini"], mode="0600")
    found = place(LiveChange(APP, tuple(seen(host, live) for host in WEB[:2])))
    assert found[0].layer == "roles/web"
    assert (
        changed(found[0])[1] == '+  /srv/app/app.ini:      {source: srv/app/app.ini, mode: "0600"}   # by Ana'
    )
    assert changed(by_layer(found)["hosts/*"]) == ["+files:", '+  /srv/app/app.ini: {mode: "0600"}'] * 2


def test_an_attribute_that_is_not_declared_is_not_folded() -> None:
    live = present(FILES["roles/web/files/srv/app/app.ini"], mode="0640", owner="app")
    assert place(LiveChange(APP, (seen(WEB[0], live),))) == []


def test_a_link_gets_its_new_target() -> None:
    live = Present({"type": "symlink", "target": "../sites-available/new", "owner": "root"})
    found = place(LiveChange("symlink:/etc/nginx/sites-enabled/app", (seen(WEB[0], live),)))
    assert (
        changed(found[0])[1]
        == "+symlinks:    {/etc/nginx/sites-enabled/app: {target: ../sites-available/new}}"
    )


def test_what_was_removed_by_hand_is_declared_absent() -> None:
    found = place(LiveChange(APP, tuple(seen(host, ABSENT) for host in WEB[:2])))
    assert changed(found[0])[1].endswith('{source: srv/app/app.ini, mode: "0640", state: absent}   # by Ana')
    assert changed(by_layer(found)["environments/prod/roles/web"]) == [
        "+files:",
        "+  /srv/app/app.ini: {state: absent}",
    ]
    assert all(placement.safe for placement in found)
    assert "base" not in by_layer(found), "an earlier layer would say it for hosts that never had the file"


def test_in_an_exhaustive_directory_the_declaration_can_go() -> None:
    files = tree({"roles/web/resources.yaml": """\
files:
  /etc/nginx/conf.d/a.conf: {source: a.conf}
  # about b
  /etc/nginx/conf.d/b.conf: {content: b}
directories: {/etc/nginx/conf.d: {exhaustive: true}}
""", "roles/web/files/a.conf": "a\n"})  # fmt: skip
    del files["roles/web/templates/nginx.conf.j2"]
    found = place(
        LiveChange("file:/etc/nginx/conf.d/a.conf", (seen(WEB[0], ABSENT),)), parse_definition(files)
    )
    removal = next(placement for placement in found if placement.kind_of_edit == "remove")
    assert removal.edits["roles/web/files/a.conf"] is None
    assert b"a.conf" not in (removal.edits["roles/web/resources.yaml"] or b"")
    assert b"# about b" in (removal.edits["roles/web/resources.yaml"] or b"")


def test_an_undeclared_entry_is_declared_as_it_is() -> None:
    content = b"gzip on;\n"
    change = LiveChange(
        "file:/etc/nginx/conf.d/gzip.conf",
        tuple(seen(host, present(content, mode="0600", group="www-data"), content) for host in WEB[:3]),
    )
    found = place(change)
    assert found[0].layer == "roles/web", "the layer that made the directory exhaustive comes first"
    assert found[0].edits["roles/web/files/etc/nginx/conf.d/gzip.conf"] == content
    entry = (
        '+  /etc/nginx/conf.d/gzip.conf: {source: etc/nginx/conf.d/gzip.conf, mode: "0600", group: www-data}'
    )
    assert changed(found[0])[-1] == entry
    assert [placement.layer for placement in found][-2:] == ["base", "hosts/*"]
    assert all(placement.safe for placement in found)


@pytest.mark.parametrize(
    ("resource", "live", "entry"),
    [
        (
            "symlink:/etc/nginx/conf.d/x",
            {"type": "symlink", "target": "/srv/x"},
            "/etc/nginx/conf.d/x: {target: /srv/x}",
        ),
        ("directory:/etc/nginx/conf.d/d", {"type": "directory", "mode": "0755"}, "/etc/nginx/conf.d/d: {}"),
        (
            "directory:/etc/nginx/conf.d/d",
            {"type": "directory", "mode": "0700"},
            '/etc/nginx/conf.d/d: {mode: "0700"}',
        ),
    ],
)
def test_undeclared_links_and_directories_are_declared(
    resource: str, live: dict[str, str], entry: str
) -> None:
    found = place(LiveChange(resource, (seen(WEB[0], Present(live)),)))
    assert found[0].safe and entry in found[0].patch


def test_a_socket_is_not_declared() -> None:
    found = place(LiveChange("file:/etc/nginx/conf.d/s", (seen(WEB[0], Present({"type": "other"})),)))
    assert found and not any(placement.safe for placement in found)
    assert "other" in found[0].why_not


def test_a_file_that_became_a_link_changes_its_section() -> None:
    live = Present({"type": "symlink", "target": "/run/issue", "owner": "root", "group": "root"})
    found = place(LiveChange(ISSUE, tuple(seen(host, live) for host in WEB[:2])))
    assert changed(found[0]) == [
        "-  /etc/issue:", "-    content: |", "-      hello", "-      there", '-    mode: "0644"   # as always',
        "+symlinks:", "+  /etc/issue: {target: /run/issue}",
    ]  # fmt: skip
    override = by_layer(found)["environments/prod"]
    assert changed(override) == [
        "+files:",
        "+  /etc/issue: null",
        "+symlinks:",
        "+  /etc/issue: {target: /run/issue}",
    ]
    assert all(placement.safe for placement in found)


def test_what_was_declared_absent_and_came_back_is_declared() -> None:
    files = tree({"base/resources.yaml": "files:\n  /etc/telnet.conf: {state: absent}  # never\n"})
    del files["roles/web/resources.yaml"]
    change = LiveChange("file:/etc/telnet.conf", (seen(DB, present(b"x\n"), b"x\n"),))
    found = place(change, parse_definition(files), [DB])
    assert changed(found[0])[-1] == "+  /etc/telnet.conf: {source: etc/telnet.conf}  # never"
    assert (
        changed(by_layer(found)["hosts/db-1"])[-1]
        == "+  /etc/telnet.conf: {source: etc/telnet.conf, state: present}"
    )
    assert all(placement.safe for placement in found)


def test_a_secret_path_is_never_folded() -> None:
    files = tree({"roles/web/resources.yaml": "files:\n  /etc/app/db.password: {secret: db, mode: '0600'}\n"})
    definition = parse_definition(files)
    base = Present({"type": "file", "mode": "0600", "hmac": "a" * 64})
    for mode in ("0600", "0644"):
        live = Present({"type": "file", "mode": mode, "hmac": "b" * 64})
        change = LiveChange("file:/etc/app/db.password", (seen(WEB[0], live, b"hunter2\n", base),))
        found = place(change, definition)
        assert [(placement.safe, placement.edits) for placement in found] == [(False, {})]
        assert "secret path" in found[0].why_not and "hunter2" not in repr(found)


def test_the_mode_of_a_secret_path_can_be_folded() -> None:
    files = tree({"roles/web/resources.yaml": "files:\n  /etc/app/db.password: {secret: db, mode: '0600'}\n"})
    live = Present({"type": "file", "mode": "0640", "hmac": "a" * 64})
    base = Present({"type": "file", "mode": "0600", "hmac": "a" * 64})
    found = place(
        LiveChange("file:/etc/app/db.password", (seen(WEB[0], live, None, base),)), parse_definition(files)
    )
    assert changed(found[0]) == [
        "-  /etc/app/db.password: {secret: db, mode: '0600'}",
        "+  /etc/app/db.password: {secret: db, mode: '0640'}",
    ]


def test_an_undeclared_secret_path_is_never_folded() -> None:
    change = LiveChange("file:/etc/nginx/conf.d/site.key", (seen(WEB[0], present(b"k"), b"k"),))
    assert [placement.safe for placement in place(change)] == [False]


def test_redacted_content_is_never_folded() -> None:
    live = present(b"password = hunter2\n", mode="0640")
    change = LiveChange(APP, (seen(WEB[0], live, b"password = [redacted]\n"),))
    (only,) = place(change)
    assert not only.safe and "redacted" in only.why_not


def test_content_that_looks_like_a_secret_is_never_folded() -> None:
    text = "[db]\npassword = Zx81-hunter2-Qq\n"
    (only,) = place(edited(DEFINITION, APP, WEB[:1], lambda _, host: text))
    assert not only.safe and "secret" in only.why_not and only.edits == {}


def test_content_that_was_not_fetched_is_not_folded() -> None:
    change = LiveChange(APP, (seen(WEB[0], present(b"\x7fELF\0", mode="0640"), None),))
    (only,) = place(change)
    assert not only.safe and "binary" in only.why_not


def test_the_unknown_is_not_folded() -> None:
    (only,) = place(LiveChange(APP, (seen(WEB[0], Unknown("timed out")),)))
    assert not only.safe and "timed out" in only.why_not
    (only,) = place(LiveChange(APP, (seen(WEB[0], UNDECLARED),)))
    assert not only.safe


def test_hosts_with_different_text_can_share_no_file() -> None:
    found = place(edited(DEFINITION, APP, WEB[:2], lambda text, host: f"{text}\nhost = {host.name}\n"))
    shared = by_layer(found)
    assert not shared["roles/web"].safe and "not the same on all hosts" in shared["roles/web"].why_not
    assert shared["hosts/*"].safe


def test_a_host_that_says_it_itself_is_edited_in_its_own_layer() -> None:
    files = tree({"hosts/web-1/resources.yaml": "files:\n  /srv/app/app.ini: {content: 'mine'}\n"})
    definition = parse_definition(files)
    found = place(edited(definition, APP, WEB[:2], lambda text, host: "both\n"), definition)
    assert found[0].layer == "hosts/web-1 + roles/web"
    assert found[0].safe and sorted(found[0].edits) == [
        "hosts/web-1/resources.yaml",
        "roles/web/files/srv/app/app.ini",
    ]
    assert "roles/web" not in by_layer(found), "the host's own layer would overrule it"


def test_a_layer_that_a_later_one_overrules_is_not_proposed() -> None:
    files = tree({"environments/prod/roles/web/resources.yaml": "files: {/etc/issue: {content: 'x'}}\n"})
    definition = parse_definition(files)
    found = place(edited(definition, ISSUE, WEB[:2], lambda text, host: "y"), definition)
    assert [placement.layer for placement in found] == ["environments/prod/roles/web", "hosts/*"]


def test_an_occurrence_that_is_right_already_needs_nothing() -> None:
    content = FILES["roles/web/files/srv/app/app.ini"]
    right = seen(WEB[0], present(content, mode="0640"), content)
    assert place(LiveChange(APP, (right,))) == []
    wrong = seen(WEB[1], present(b"new", mode="0640"), b"new")
    found = place(LiveChange(APP, (right, wrong)))
    assert not by_layer(found)["roles/web"].safe, "it would change the host that is right"
    assert by_layer(found)["hosts/web-2"].safe


def test_a_definition_that_moved_since_is_told() -> None:
    change = edited(DEFINITION, APP, WEB[:1], lambda text, host: "live")
    occurrence = change.occurrences[0]
    conflict = LiveChange(
        APP, (seen(occurrence.host, occurrence.live, occurrence.content, present(b"older", mode="0640")),)
    )
    assert "definition has moved since" in place(conflict)[0].explanation


def test_a_place_that_cannot_be_edited_says_why() -> None:
    files = tree(
        {
            "base/resources.yaml": "variables: {workers: &w 4, tls: false}\nfiles: {/etc/issue: &i {content: hello}}\n"
        }
    )
    definition = parse_definition(files)
    found = place(edited(definition, ISSUE, WEB[:1], lambda text, host: "bye"), definition)
    assert not found[0].safe and "anchor &i" in found[0].why_not
    assert by_layer(found)["hosts/web-1"].safe


def test_a_name_that_is_taken_is_not_overwritten() -> None:
    files = tree({"environments/prod/roles/web/files/srv/app/app.ini": "of somebody else"})
    definition = parse_definition(files)
    found = place(edited(definition, APP, WEB[:1], lambda text, host: "new"), definition)
    override = by_layer(found)["environments/prod/roles/web"]
    assert override.safe and override.edits["environments/prod/roles/web/files/srv/app/app.ini.2"] == b"new"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/etc/systemd/system/srv-app\\x2ddata.mount", "etc/systemd/system/srv-app_x2ddata.mount"),
        ("/etc/app/.git/hooks/post-checkout", "etc/app/_.git/hooks/post-checkout"),
        ("/etc/app/GIT~1/config", "etc/app/GIT_1/config"),
    ],
)
def test_a_name_that_git_does_not_take_gets_one_like_it(path: str, source: str) -> None:
    watching = parse_definition({**FILES, "definition.yaml": b"format: 1\nwatched: [/etc]\n"})
    change = LiveChange(f"file:{path}", (Occurrence(WEB[0], ABSENT, present(b"a\nb\n"), b"a\nb\n"),))
    best = placements(watching, dict(watching.files), change, WEB)[0]
    assert best.safe, best.why_not
    assert [name for name in best.edits if "/files/" in name] == [f"{best.layer}/files/{source}"]
    for name in best.edits:
        check_tree_path(name)


def test_binary_content_goes_into_a_source_file() -> None:
    content = b"\xff\xfe\0binary"
    change = LiveChange(APP, (seen(WEB[0], present(content, mode="0640"), content),))
    found = place(change)
    assert found[0].safe and "Binary files" in found[0].patch


def test_the_files_must_be_those_of_the_definition() -> None:
    with pytest.raises(ValueError, match="not those"):
        placements(DEFINITION, {}, LiveChange(NGINX, ()), FLEET)


def test_placements_of_one_change_have_keys_of_their_own() -> None:
    found = place(edited(DEFINITION, ISSUE, (web(1), web(2)), lambda text, host: "z\n"))
    assert len({placement.key for placement in found}) == len(found)
