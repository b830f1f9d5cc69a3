"""Parsing: what is read, and that every mistake is told with file, line and remedy."""

import pytest

from deployments.core.definition.model import Definition, DefinitionError, Problem
from deployments.core.definition.parse import MAX_SOURCE_BYTES, MAX_YAML_BYTES, parse_definition
from deployments.core.definition.settings import ignored_by
from deployments.core.redaction import DEFAULT_SECRET_PATHS

SETTINGS = b"format: 1\n"


def parse(resources: str | bytes = "", **more: bytes) -> Definition:
    return parse_definition(tree(resources, **more))


def tree(resources: str | bytes = "", **more: bytes) -> dict[str, bytes]:
    data = resources.encode() if isinstance(resources, str) else resources
    return {"definition.yaml": SETTINGS, "base/resources.yaml": data, **more}


def problems(files: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(files)
    return caught.value.problems


def only_problem(files: dict[str, bytes]) -> Problem:
    found = problems(files)
    assert len(found) == 1, "\n".join(map(str, found))
    assert found[0].remedy
    return found[0]


def test_every_key_and_attribute_knows_its_line() -> None:
    definition = parse(
        "# a comment\n"
        "variables:\n"
        "  workers: 4\n"
        "files:\n"
        "  /etc/motd:\n"
        "    content: |\n"
        "      Authorised\n"
        "      use only\n"
        '    mode: "0644"\n'
        "  /etc/issue: {content: hello,\n"
        "    owner: root}\n"
    )
    layer = definition.layers["base"]
    assert layer.variables["workers"].value == 4
    assert layer.variables["workers"].origin.line == 3
    motd = layer.declarations["file:/etc/motd"]
    assert motd.attributes is not None
    assert (motd.origin.line, motd.origin.path, motd.origin.layer) == (5, "base/resources.yaml", "base")
    assert {name: attribute.origin.line for name, attribute in motd.attributes.items()} == {
        "content": 6,
        "mode": 9,
    }
    assert motd.attributes["content"].value == "Authorised\nuse only\n"
    issue = layer.declarations["file:/etc/issue"]
    assert issue.attributes is not None
    assert issue.attributes["owner"].origin.line == 11


def test_all_problems_of_all_files_come_at_once_and_in_order() -> None:
    found = problems(
        {
            "definition.yaml": b"format: 2\nwatch: [/etc]\n",
            "base/resources.yaml": b"files:\n  etc/motd: {}\n  /etc/x: {mode: 644, colour: red}\n",
            "roles/web/resources.yaml": b"fils: {}\n",
        }
    )
    assert [(problem.path, problem.line) for problem in found] == [
        ("base/resources.yaml", 2),
        ("base/resources.yaml", 3),
        ("base/resources.yaml", 3),
        ("definition.yaml", 1),
        ("definition.yaml", 2),
        ("roles/web/resources.yaml", 1),
    ]
    assert all(problem.remedy for problem in found)


MISTAKES = {
    "an unknown section": ("fils: {}", 1, "'fils' is not a section", "'files'"),
    "an unknown attribute": ("files:\n  /a: {modes: x}", 2, "'modes' is not an attribute of files", "'mode'"),
    "exhaustive on a file": (
        "files:\n  /a: {exhaustive: true}",
        2,
        "not an attribute of files",
        "directories",
    ),
    "exhaustive: yes": (
        "directories:\n  /a: {exhaustive: yes}",
        2,
        "expected true or false",
        "true or false",
    ),
    "a mode without quotes": ("files:\n  /a:\n    mode: 644", 3, "a number to YAML", 'mode: "0644"'),
    "a mode with a leading zero": ("files:\n  /a: {mode: 0755}", 2, "a number to YAML", 'mode: "0755"'),
    "a mode in YAML's octal": ("files:\n  /a: {mode: 0o755}", 2, "a number to YAML", 'mode: "0755"'),
    "a mode of three digits": ('files:\n  /a: {mode: "644"}', 2, "'644' is not a mode", 'mode: "0644"'),
    "a mode of letters": ("files:\n  /a: {mode: u=rw}", 2, "not a mode", 'mode: "0644"'),
    "a relative path": ("files:\n  etc/motd: {}", 2, "not an absolute path", "slash"),
    "dots in a path": ("files:\n  /etc/../motd: {}", 2, "'..'", "Write the path out"),
    "a doubled slash": ("files:\n  /etc//motd: {}", 2, "empty part", "slash"),
    "a trailing slash": ("directories:\n  /etc/: {}", 2, "empty part", "slash"),
    "a line break in a path": ('files:\n  "/etc/a\\nb": {}', 2, "control character", "Remove"),
    "a NUL in a path": ('files:\n  "/etc/a\\0b": {}', 2, "control character", "Remove"),
    "a hidden character in a path": ('files:\n  "/etc/a\\u202eb": {}', 2, "control character", "Remove"),
    "the root as a file": ("files:\n  /: {}", 2, "directory", "directories"),
    "a name that no file system takes": (f"files:\n  /etc/{'a' * 300}: {{}}", 2, "longer than", "255"),
    "two kinds of content": ("files:\n  /a: {content: x, secret: y}", 2, "exclude each other", "Keep one"),
    "a source outside the layer": ("files:\n  /a: {source: ../b}", 2, "'..'", "Write the path out"),
    "an absolute source": ("files:\n  /a: {source: /etc/b}", 2, "relative", "leading slash"),
    "a missing source": ("files:\n  /a: {source: b}", 2, "no source base/files/b", "Add the file"),
    "a missing template": ("files:\n  /a: {template: b}", 2, "no template base/templates/b", "Add the file"),
    "content that is a number": (
        "files:\n  /a: {content: 5}",
        2,
        "expected text, found the number 5",
        "quotes",
    ),
    "an owner that is a number": ("files:\n  /a: {owner: 33}", 2, "expected a name", '"33"'),
    "root by its number": ('files:\n  /a: {owner: "0"}', 2, "never seen", "root"),
    "an owner with a colon": ('files:\n  /a: {owner: "root:root"}', 2, "can't be the name", "host has it"),
    "a state of another kind": ("files:\n  /a: {state: gone}", 2, "present or absent", "state: absent"),
    "notify that is no list": ("files:\n  /a: {notify: nginx}", 2, "a list of services", "[nginx]"),
    "a resource that is text": ("files:\n  /a: hello", 2, "expected attributes, found 'hello'", "mapping"),
    "a section that is a list": ("files: [/a]", 1, "must be a mapping, found a list", "key a line"),
    "a document that is a list": ("- files", 1, "expected sections", "files:"),
    "a target of nothing": ('symlinks:\n  /a: {target: ""}', 2, "the target is empty", "points to"),
    "a variable with a dash": ("variables:\n  a-b: 1", 2, "can't be the name of a variable", "letters"),
    "a variable called facts": ("variables:\n  facts: 1", 2, "already means something", "another name"),
    "a key given twice": ("files:\n  /a: {}\n  /a: {}", 3, "given twice; the first is on line 2", "Keep one"),
    "one path as two kinds": (
        "files:\n  /a: {}\nsymlinks:\n  /a: {target: b}",
        4,
        "under files on line 2",
        "null",
    ),
    "a merge key": ("files:\n  /a: &x {}\n  /b: {<<: *x}", 3, "merge keys", "layer"),
    "a tag that builds objects": ("files: !!python/object:os.system {}", 1, "not allowed", "Remove the tag"),
    "a tab": ("files:\n\t/a: {}", 2, "not valid YAML", "spaces"),
    "an unclosed bracket": ("files: {", 1, "not valid YAML", "Correct"),
    "two documents": ("files: {}\n---\nfiles: {}", 2, "second YAML document", "one document"),
    "an unknown alias": ("files: *x", 1, "no anchor", "Write the value out"),
    "an alias within itself": ("variables:\n  a: &x [*x]", 2, "inside its own anchor", "Write the value out"),
    "a raw control character": ("variables:\n  a: \x07", 2, "U+0007", "escape"),
    "infinity": ("variables:\n  a: .inf", 2, "not a number that can be stored", "Quote"),
    "half a character": ('variables:\n  a: "\\ud800"', 2, "surrogate", "character itself"),
    "a secret path with its content": (
        "files:\n  /etc/shadow: {content: x}",
        2,
        "secret path",
        "secret: NAME",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_to_do(mistake: str) -> None:
    text, line, message, remedy = MISTAKES[mistake]
    problem = only_problem(tree(text))
    assert (problem.path, problem.line) == ("base/resources.yaml", line)
    assert message in problem.message
    assert remedy in problem.remedy


def test_what_a_message_quotes_is_short_and_harmless_to_a_terminal() -> None:
    problem = only_problem(tree('"\\e[2J' + "x" * 600 + '": {}'))
    assert problem.message.isprintable() and len(problem.message) < 500
    assert "\\x1b[2J" in problem.message


def test_sections_may_stand_empty() -> None:
    definition = parse("packages: {}\nservices:\nsysctl: {}\nusers: ~\nfiles: {}\nsymlinks:\n")
    assert definition.layers["base"].declarations == {}


def test_yaml_is_read_as_version_1_2() -> None:
    variables = parse(
        "variables: {a: yes, b: 0o17, c: 2020-01-01, d: 12:30, e: 1_000, f: ~, g: 1.5, h: 0x1f}"
    ).layers["base"]
    assert {name: attribute.value for name, attribute in variables.variables.items()} == {
        "a": "yes",
        "b": 15,
        "c": "2020-01-01",
        "d": "12:30",
        "e": "1_000",
        "f": None,
        "g": 1.5,
        "h": 31,
    }


def test_an_alias_is_the_value_it_names() -> None:
    definition = parse("files:\n  /a: &web {owner: www-data}\n  /b: *web\n")
    declared = definition.layers["base"].declarations["file:/b"]
    assert declared.attributes is not None
    assert declared.attributes["owner"].value == "www-data"
    assert declared.origin.line == 3


def test_an_alias_bomb_is_refused_before_it_is_written_out() -> None:
    lines = ["variables:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases" in only_problem(tree("\n".join(lines))).message


def test_deep_nesting_is_refused() -> None:
    assert "nested" in only_problem(tree("variables:\n  a: " + "[" * 40)).message


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("base/resource.yaml", "resources.yaml"),
        ("base/resources.yml", "resources.yaml"),
        ("base/file/motd", "files/"),
        ("role/web/resources.yaml", "roles"),
        ("resources.yaml", "base"),
        ("definition.yml", "definition.yaml"),
        ("roles/resources.yaml", "roles/NAME"),
        ("environments/prod/roles/resources.yaml", "NAME"),
        ("environments/our prod/resources.yaml", "letters"),
        ("roles/-x/files/a", "letters"),
        ("hosts/web 1/resources.yaml", "letters"),
        ("environments/prod/roles/$x/files/a", "letters"),
        ("base/files/a\nb", "Rename"),
    ],
)
def test_a_file_that_nothing_would_read_is_a_mistake(path: str, says: str) -> None:
    assert says in only_problem(tree(**{path: b""})).remedy


def test_notes_for_people_may_lie_anywhere() -> None:
    parse(
        **{"README.md": b"\xff", "roles/README": b"", "base/.gitkeep": b"", "docs/a.txt": b"", ".ci/run": b""}
    )


def test_a_definition_needs_its_settings_file() -> None:
    problem = only_problem({"base/resources.yaml": b""})
    assert (problem.path, problem.line) == ("definition.yaml", None)
    assert "format: 1" in problem.remedy
    assert str(problem).startswith("definition.yaml: there is no definition.yaml.")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "must be a mapping"),
        ("watched: []", 1, "format is not given"),
        ("format: 2", 1, "the number 2 is not known"),
        ("format: true", 1, "is not known"),
        ('format: "1"', 1, "is not known"),
        ("format: 1\nwatch: []", 2, "'watch' is not a setting"),
        ("format: 1\nwatched: /etc", 2, "expected a list"),
        ("format: 1\nwatched:\n- /etc\n- /srv/", 4, "empty part"),
        ("format: 1\nwatched:\n- /etc\n- srv", 4, "neither an absolute path nor a section"),
        ("format: 1\nwatched: [files]", 2, "watched by directory"),
        ("format: 1\nignore: [/etc/mtab]", 2, "is a mapping"),
        ("format: 1\nignore:\n- path: /etc/mtab", 3, "no reason"),
        ('format: 1\nignore:\n- {path: /etc/mtab, reason: " "}', 3, "no reason"),
        ("format: 1\nignore:\n- {reason: noise}", 3, "no path"),
        ("format: 1\nignore:\n- {path: /**, reason: noise}", 3, "matches everything"),
        ("format: 1\nignore:\n- {path: /a, reason: b, until: c}", 3, "not part of a rule"),
        ("format: 1\nignore:\n- {path: /a, resource: port:x, reason: b}", 3, "not both"),
        ("format: 1\nignore:\n- {resource: tcp/*, reason: b}", 3, "does not begin with a kind"),
        ("format: 1\nignore:\n- {resource: 'port:*', reason: b}", 3, "everything of its kind"),
        ("format: 1\nignore:\n- {resource: 'file:/etc/mtab', reason: b}", 3, "is a path"),
        ("format: 1\nsecret_paths: [5]", 2, "expected text"),
        ('format: 1\nsecret_paths: ["!/etc/ssl/**"]', 2, "would take many paths"),
        ("format: 1\nsecret_paths: [/*/*/*/*/*/*/*/*/*/*/a]", 2, "too many wildcards"),
        ("format: 1\npolicies: {fold: push}", 2, "nothing would obey it"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_line(text: str, line: int, says: str) -> None:
    problem = only_problem({"definition.yaml": text.encode()})
    assert (problem.path, problem.line) == ("definition.yaml", line)
    assert says in problem.message


def test_settings_are_on_the_definition() -> None:
    definition = parse_definition(
        {
            "definition.yaml": b"format: 1\nwatched: [/etc, /srv]\nignore:\n- {path: /etc/mtab, reason: noise}\n"
            b"secret_paths: [/srv/app/private/**, '!/srv/ca.pem']\npolicies: {}\n"
        }
    )
    assert definition.watched == ("/etc", "/srv")
    assert definition.secret_paths == (*DEFAULT_SECRET_PATHS, "/srv/app/private/**", "!/srv/ca.pem")
    rule = ignored_by("file:/etc/mtab", definition.ignore)
    assert rule is not None and (rule.reason, rule.line) == ("noise", 4)
    assert ignored_by("file:/etc/fstab", definition.ignore) is None


def test_an_ignore_rule_means_paths_or_resources_and_never_one_by_the_other() -> None:
    rules = parse_definition(
        {
            "definition.yaml": b"format: 1\nignore:\n- {resource: 'port:tcp/*:6*', reason: short-lived}\n"
            b"- {path: nginx, reason: noise}\n- {resource: 'port:tcp/[::]:80', reason: known}\n"
        }
    ).ignore
    assert [rule.reason for rule in rules if ignored_by("port:tcp/127.0.0.1:6010", [rule])] == ["short-lived"]
    assert ignored_by("port:tcp/127.0.0.1:7010", rules) is None
    assert ignored_by("port:tcp/[::]:80", rules) == rules[2]
    assert ignored_by("file:/srv/nginx", rules) == rules[1]
    assert ignored_by("package:nginx", rules) is None, "a package is no path"


@pytest.mark.parametrize("attribute", ["content: x", "source: x", "template: x"])
def test_a_secret_path_can_only_be_declared_by_the_name_of_its_secret(attribute: str) -> None:
    given = {
        "base/files/x": b"",
        "base/templates/x": b"",
        "definition.yaml": b"format: 1\nsecret_paths: [/srv/**]\n",
    }
    assert "secret path" in only_problem(tree(f"files:\n  /srv/a: {{{attribute}}}", **given)).message
    parse_definition(tree('files:\n  /srv/a: {secret: db-password, mode: "0600"}', **given))


def test_a_source_in_another_layer_is_pointed_out() -> None:
    files = tree("files:\n  /a: {source: a}", **{"roles/web/files/a": b""})
    assert "roles/web/files/a" in only_problem(files).remedy


def test_files_that_are_too_large_or_not_text_are_refused() -> None:
    found = problems(
        {
            "definition.yaml": b"format: 1\n# \xff\n",
            "base/resources.yaml": b"#" * (MAX_YAML_BYTES + 1),
            "base/files/blob": b"\0" * (MAX_SOURCE_BYTES + 1),
            "base/files/binary": b"\xff\0",
            "base/templates/a": b"one\ntwo\n\xff",
        }
    )
    assert [(problem.path, problem.line) for problem in found] == [
        ("base/files/blob", None),
        ("base/resources.yaml", None),
        ("base/templates/a", 3),
        ("definition.yaml", 2),
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("one\n{{ two", 2, "unexpected end"),
        ("{% if a %}\n{% endfor %}", 2, "endfor"),
        ("\n\n{{ a|nosuch }}", 3, "nosuch"),
        ("\n{% include 'other.j2' %}", 2, "other.j2"),
        ("{% include '../../roles/web/templates/x' %}", 1, "neither"),
        ("{{ " + "(" * 2000, 1, "nested too deep"),
    ],
)
def test_a_broken_template_is_told_with_its_line(text: str, line: int, says: str) -> None:
    problem = only_problem(tree(**{"base/templates/a.j2": text.encode()}))
    assert (problem.path, problem.line) == ("base/templates/a.j2", line)
    assert says in problem.message


def test_what_did_not_change_is_taken_from_the_previous_parse() -> None:
    files = tree("variables: {a: 1}", **{"roles/web/resources.yaml": b"variables: {a: 2}"})
    first = parse_definition(files)
    second = parse_definition({**files, "roles/web/resources.yaml": b"variables: {a: 3}"}, first)
    assert second.layers["base"] is first.layers["base"]
    assert second.layers["roles/web"].variables["a"].value == 3


def test_new_secret_paths_are_applied_to_layers_that_did_not_change() -> None:
    files = tree("files:\n  /srv/a: {content: x}")
    first = parse_definition(files)
    with pytest.raises(DefinitionError, match="secret path"):
        parse_definition({**files, "definition.yaml": b"format: 1\nsecret_paths: [/srv/a]\n"}, first)


def test_an_include_that_vanished_is_found_although_its_template_did_not_change() -> None:
    files = tree(**{"base/templates/a": b"{% include 'b' %}", "base/templates/b": b""})
    first = parse_definition(files)
    del files["base/templates/b"]
    with pytest.raises(DefinitionError, match="base/templates/a:1: the template b"):
        parse_definition(files, first)
