"""Edits of a resources.yaml: what is meant happens, and nothing else moves."""

import pytest
from ruamel.yaml import YAML

from deployments.core.definition.edit import (
    CannotEdit,
    Operation,
    RemoveValue,
    SetValue,
    apply_edits,
    declare,
    edit_bytes,
    remove_attribute,
    remove_resource,
    remove_variable,
    set_attribute,
    set_variable,
    undeclare,
)

RESOURCES = """\
# roles/web, kept by Ana
variables: {workers: 4}   # per core
files:
  # the front door
  /etc/nginx/nginx.conf: {template: nginx.conf.j2, owner: root, mode: "0644", notify: [nginx]}  # main
  /etc/motd:             {content: "Authorised use only\\n"}
  /etc/issue:
    content: |  # seen before login
      Welcome
      to web

    # nobody else needs it
    mode: 0640
    owner: 'root'  # not www-data

  # end of files
directories: {}  # none yet
"""


def load(text: str) -> dict:
    return YAML(typ="safe", pure=True).load(text.removeprefix("\ufeff")) or {}


def changed_lines(before: str, after: str) -> list[str]:
    old, new = before.splitlines(), after.splitlines()
    return [f"-{line}" for line in old if line not in new] + [f"+{line}" for line in new if line not in old]


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        (
            set_variable("workers", 8),
            ["-variables: {workers: 4}   # per core", "+variables: {workers: 8}   # per core"],
        ),
        (set_attribute("files", "/etc/issue", "mode", "0600"), ["-    mode: 0640", '+    mode: "0600"']),
        (
            set_attribute("files", "/etc/issue", "owner", "www-data"),
            ["-    owner: 'root'  # not www-data", "+    owner: 'www-data'  # not www-data"],
        ),
        (set_attribute("files", "/etc/issue", "group", "adm"), ["+    group: adm"]),
        (
            set_attribute("files", "/etc/issue", "content", "Welcome\nto web 3\n"),
            ["-      to web", "+      to web 3"],
        ),
        (
            set_attribute("files", "/etc/issue", "content", "one line"),
            [
                "-    content: |  # seen before login",
                "-      Welcome",
                "-      to web",
                '+    content: "one line"  # seen before login',
            ],
        ),
        (remove_attribute("files", "/etc/issue", "owner"), ["-    owner: 'root'  # not www-data"]),
        (
            undeclare("files", "/etc/motd"),
            ['-  /etc/motd:             {content: "Authorised use only\\n"}', "+  /etc/motd: null"],
        ),
        (
            declare("directories", "/srv/app", {"mode": "0755"}),
            ["-directories: {}  # none yet", "+directories:  # none yet", '+  /srv/app: {mode: "0755"}'],
        ),
        (
            declare("symlinks", "/etc/localtime", {"target": "/usr/share/zoneinfo/UTC"}),
            ["+symlinks:", "+  /etc/localtime: {target: /usr/share/zoneinfo/UTC}"],
        ),
        (
            declare("files", "/etc/host.conf", {"content": "multi on\norder hosts\n", "mode": "0644"}),
            [
                "+  /etc/host.conf:",
                "+    content: |",
                "+      multi on",
                "+      order hosts",
                '+    mode: "0644"',
            ],
        ),
        (
            remove_variable("workers"),
            ["-variables: {workers: 4}   # per core", "+variables: {}   # per core"],
        ),
    ],
    ids=lambda value: "/".join(value.path) if isinstance(value, SetValue | RemoveValue) else "",
)
def test_an_edit_changes_its_own_lines_only(operation: Operation, lines: list[str]) -> None:
    assert changed_lines(RESOURCES, apply_edits(RESOURCES, [operation])) == lines


def test_removing_a_resource_leaves_the_comments_around_it() -> None:
    after = apply_edits(RESOURCES, [remove_resource("files", "/etc/issue")])
    assert "  # the front door\n" in after
    assert after.endswith('only\\n"}\n\n  # end of files\ndirectories: {}  # none yet\n')


def test_an_edit_that_changes_nothing_leaves_every_byte() -> None:
    assert apply_edits(RESOURCES, [set_variable("workers", 4)]) == RESOURCES
    assert apply_edits(RESOURCES, []) == RESOURCES


def test_a_mode_is_always_quoted() -> None:
    assert 'mode: "0755"' in apply_edits("", [declare("files", "/a", {"source": "a", "mode": "0755"})])
    assert '{mode: "4755"}' in apply_edits(
        "files: {/a: {mode: 0644}}\n", [set_attribute("files", "/a", "mode", "4755")]
    )


@pytest.mark.parametrize(
    "content",
    [
        "a\nb\n",
        "a\nb",
        "a\nb\n\n\n",
        "\n\na\nb\n",
        "  indented\nb\n",
        "\n  indented\nb\n",
        "\tmake\n\tall\n",
        "trailing \nspaces  \n",
        "a\n   \nb\n",
        "a\r\nb\r\n",
        "# not a comment\nb: c\n",
        "üñí ✓\n日本\n",
        "\x1b[31mred\nbell\x07\n",
        "nul\0\nb\n",
        "nel\x85\nls\u2028\nps\u2029\n",
        "\ufeffbom\nb\n",
        "nbsp\xa0\nb\n",
        "\n\n\n",
        "--- \n...\n",
        "'single' and \"double\"\nb\\n\n",
        "% directive\n@at\n`tick\n",
        "😀\nb",
        " ",
        "",
        "~",
        "null",
        "0644",
        "yes",
        "{{ a }}\n{% if b %}\n",
    ],
)
@pytest.mark.parametrize(
    "resources",
    [
        "",
        "files:\n  /a:\n    content: x  # c\n",
        "files: {/a: {content: x}}\n",
        "files:\r\n  /a:\r\n    content: |\r\n      x\r\n      y\r\n    mode: '1'\r\n",
    ],
)
def test_any_text_survives_as_content(resources: str, content: str) -> None:
    after = apply_edits(resources, [set_attribute("files", "/a", "content", content)])
    assert load(after)["files"]["/a"]["content"] == content
    assert apply_edits(after, [set_attribute("files", "/a", "content", "back\nagain\n")])


@pytest.mark.parametrize(
    "text", ["a\nb\n", "a\nb", "\tmake\n\tall\n", "  x\ny\n", "üñí\n日本\n", "a\n\n\nb\n", "a\nb\n\n"]
)
def test_text_of_several_lines_is_written_as_a_block(text: str) -> None:
    after = apply_edits("", [declare("files", "/a", {"content": text})])
    assert "content: |" in after
    assert load(after) == {"files": {"/a": {"content": text}}}


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ("shared: &s {mode: '0644'}\nfiles:\n  /a: *s\n", "alias (*s)"),
        ("files:\n  /a: &s {mode: '0644'}\n  /b: *s\n", "anchor &s"),
        ("shared: &s {mode: '0644'}\nfiles:\n  /a:\n    <<: *s\n", "merge key"),
        ("shared: &s x\nfiles:\n  /a:\n    mode: *s\n", "alias (*s)"),
        ("- files\n", "mapping"),
        ("text\n", "mapping"),
        ("files: [a]\n", "mapping"),
        ("files: {/a: x}\n", "mapping"),
        ("files:\n  /a: {mode: 1}\n  /a: {mode: 2}\n", "twice"),
        ("a: 1\n---\nb: 2\n", "more than one"),
        ("files:\n\t/a: 1\n", "line 2"),
        ("files: {\n", "not valid YAML"),
        ("files:\r  /a: {}\r", "CR"),
        ("files: {1: {}}\nx: *nothing\n", "nothing"),
        ("a: |\n  x", "line break"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_with_the_reason(resources: str, reason: str) -> None:
    with pytest.raises(CannotEdit) as refusal:
        apply_edits(resources, [set_attribute("files", "/a", "mode", "0600")])
    assert reason in refusal.value.reason


def test_anchors_elsewhere_do_not_matter() -> None:
    resources = "variables: &v {a: 1}\nother: *v\nfiles:\n  /a: {mode: '0644'}\n"
    assert apply_edits(resources, [set_attribute("files", "/a", "mode", "0600")]) == resources.replace(
        "0644", "0600"
    )


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (declare("files", "/etc/motd", {"mode": "0644"}), "already"),
        (remove_resource("files", "/etc/none"), "not there"),
        (remove_attribute("files", "/etc/motd", "mode"), "not there"),
        (set_variable("x", object()), "object"),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(operation: Operation, reason: str) -> None:
    with pytest.raises(CannotEdit) as refusal:
        apply_edits(RESOURCES, [operation])
    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    "resources",
    ["", "# only a comment", "---\n", "---\n# c\n", "\ufeff# bom\n", "{}", "{}  # none\n", "files:", "files: # c", "files: {}",
     "files: null\n", "files:\n  /a:\n", "files:\n  /a: null # was\n", "files:\n  /a: {}\n", "a: 1\n...\n", "{files: {/a: }}",
     "{\n  \"files\": {\n    \"/b\": {\"mode\": \"0644\"}\n  }\n}\n", "%YAML 1.2\n---\na: 1\n", "files:\n\n\n# c\nother: 1",
     "files:\n# c\n\n", "a: |+\n  x\n\n\n", "\r\n# c\r\na: 1\r\n"],
)  # fmt: skip
def test_odd_files_are_edited(resources: str) -> None:
    after = apply_edits(resources, [set_attribute("files", "/a", "mode", "0600")])
    wanted = load(resources)
    wanted["files"] = {**(wanted.get("files") or {}), "/a": {"mode": "0600"}}
    assert load(after) == wanted
    assert after.startswith("\ufeff") == resources.startswith("\ufeff")
    assert ("\r\n" in after) == ("\r\n" in resources)
    for line in resources.splitlines():
        if line.lstrip("\ufeff").startswith("#"):
            assert line in after.splitlines()


def test_bytes_that_are_not_text_are_refused() -> None:
    assert edit_bytes(None, [set_variable("a", 1)]) == b"variables: {a: 1}\n"
    with pytest.raises(CannotEdit, match="UTF-8"):
        edit_bytes(b"a: \xff\n", [set_variable("a", 1)])
