"""The pure parts of decisions: messages, digests, edits as JSON, and base after a deployment."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.core.errors import Unprocessable
from deployments.core.commit_message import trailers_of
from deployments.core.definition.model import DesiredManifest, DesiredResource, Origin
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement_model import Occurrence
from deployments.core.git_safety import clean_person
from deployments.core.states import ABSENT, UNDECLARED, Absent, Present, State, Unknown
from drift.core.bases import deployed_base
from drift.core.commit_message import clean_signature, commit_message, subject_line
from drift.core.folded import gives_live, refuse_unsafe_edits
from drift.core.proposals import edits_from_json, edits_to_json, fold_back_digest, waive_digest
from inventory.core.host_view import HostView

HERE = Origin("base", "base/resources.yaml", 1)
ANY_TEXT = st.text(max_size=80)


# ---- messages


@settings(max_examples=40, deadline=None)
@given(subject=ANY_TEXT, reason=ANY_TEXT, name=ANY_TEXT, address=ANY_TEXT)
def test_nothing_that_people_write_becomes_or_breaks_a_trailer(
    subject: str, reason: str, name: str, address: str
) -> None:
    message = commit_message(
        subject=f"x {subject}",
        reason=f"{reason}\n\nApproved-by: Mallory <m@example.org>\nDecision: DEC-999",
        change="CHG-1",
        findings=["DRF-1", "DRF-2"],
        decision="DEC-1",
        approvers=[(name, address)],
    )
    keys = [key for key, _ in trailers_of(message)]
    assert keys == ["Change", "Finding", "Finding", "Decision", "Approved-by"]
    trailers = dict(trailers_of(message))
    assert (trailers["Decision"], "Mallory" in trailers["Approved-by"]) == ("DEC-1", "Mallory" in name)


@settings(max_examples=40, deadline=None)
@given(name=ANY_TEXT, address=ANY_TEXT)
def test_every_person_has_a_signature_that_git_takes(name: str, address: str) -> None:
    signature = clean_signature((name, address))
    assert clean_person(*signature)
    assert "\n" not in "".join(signature)


@settings(max_examples=40, deadline=None)
@given(
    findings=st.lists(st.integers(1, 10**6).map("DRF-{}".format), min_size=1, max_size=3),
    path=st.text(min_size=1, max_size=500),
    layer=st.sampled_from(["", "base", "environments/production/roles/database"]),
)
def test_a_subject_is_one_line_of_bearable_length(findings: list[str], path: str, layer: str) -> None:
    subject = subject_line(findings=findings, resources=[f"file:/{path}"], layer=layer)
    assert len(subject.splitlines()) == 1 and len(subject) <= 110
    assert subject.startswith("Fold back ")


def test_a_long_path_keeps_its_end() -> None:
    assert subject_line(findings=["DRF-1"], resources=["package:nginx"], layer="base") == (
        "Fold back package nginx into base (DRF-1)"
    )
    subject = subject_line(
        findings=["DRF-3"], resources=["file:" + "/very" * 30 + "/app.conf"], layer="roles/web"
    )
    assert subject.endswith("/app.conf into roles/web (DRF-3)") and len(subject) == 72


# ---- edits and digests


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.none() | st.binary(max_size=50), max_size=5))
def test_edits_survive_being_kept_as_json(edits: dict[str, bytes | None]) -> None:
    kept = edits_to_json(edits)
    assert not any("\0" in (content or {}).get("text", "") for content in kept.values())
    assert edits_from_json(kept) == edits


def test_a_digest_binds_each_part_and_no_order() -> None:
    def digest(**more: object) -> str:
        values = {"effect_digest": "a" * 64, "fingerprints": ["f", "g"], "missed": ["m", "n"]}
        return fold_back_digest(**(values | more))  # type: ignore[arg-type]

    assert digest() == digest(fingerprints=["g", "f"], missed=["n", "m"])
    others = [digest(effect_digest="b" * 64), digest(fingerprints=["f"]), digest(missed=["m"])]
    assert len({digest(), *others}) == 4
    until = datetime(2026, 5, 1, tzinfo=UTC)
    waivers = [
        waive_digest(fingerprints=["f"], hosts=["a"], until=until, reason="r"),
        waive_digest(fingerprints=["f"], hosts=["a", "b"], until=until, reason="r"),
        waive_digest(fingerprints=["g"], hosts=["a"], until=until, reason="r"),
        waive_digest(fingerprints=["f"], hosts=["a"], until=until.replace(day=2), reason="r"),
        waive_digest(fingerprints=["f"], hosts=["a"], until=until, reason="s"),
    ]
    assert len(set(waivers)) == len(waivers)


@pytest.mark.parametrize("path", ["definition.yaml", "/etc/passwd", "a/../b", ".git/config", "a\\b", ""])
def test_edits_outside_the_layers_are_refused(path: str) -> None:
    with pytest.raises(Unprocessable):
        refuse_unsafe_edits({}, {path: b"x"})


@pytest.mark.parametrize(
    "path",
    [".github/workflows/deploy.yml", ".gitlab-ci.yml", "Makefile", "environments/prod/roles/x", "base"],
)
def test_what_lies_outside_the_layers_is_not_edited_by_a_fold_back(path: str) -> None:
    with pytest.raises(Unprocessable, match="in no layer"):
        refuse_unsafe_edits({path: b"before"}, {path: b"after"})
    with pytest.raises(Unprocessable, match="in no layer"):
        refuse_unsafe_edits({path: b"before"}, {path: None})


_KEY = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("password = correcthorsebattery\n", "password = anotherhorsebattery\n"),
        ("a = 1\napi_key = abcdefabcdef\n", "api_key = abcdefabcdeg\na = 1\n"),
        (_KEY.format("MIIBOgIBAAJB"), _KEY.format("MIIBOgIBAAJC")),
        ("token: [redacted]\n", "other_token: [redacted]\n"),
    ],
    ids=["a password", "moved besides", "a key", "a placeholder"],
)
def test_one_secret_in_place_of_another_is_refused(before: str, after: str) -> None:
    with pytest.raises(Unprocessable, match="secret"):
        refuse_unsafe_edits({"base/files/x": before.encode()}, {"base/files/x": after.encode()})


def test_a_secret_that_is_in_the_file_already_does_not_stand_in_the_way_of_another_edit() -> None:
    before = {"base/files/x": b"password = correcthorsebattery\n"}
    refuse_unsafe_edits(before, {"base/files/x": b"password = correcthorsebattery\nlimit 10\n"})
    with pytest.raises(Unprocessable, match="secret"):
        refuse_unsafe_edits(
            before, {"base/files/x": before["base/files/x"] + b"token = 0123456789abcdefABCDEF\n"}
        )


# ---- whether the definition says what is live

WEB = HostView("web-1", "prod", ("web",))
DEFINITION = parse_definition(
    {
        "definition.yaml": b"format: 1\n",
        "base/resources.yaml": (
            b"files:\n  /etc/a: {mode: '0600'}\n  /etc/gone: {state: absent}\n"
            b"  /etc/bad: {template: bad}\n"
            b"symlinks:\n  /etc/now-a-link: {target: /x}\n"
            b"directories:\n  /etc/all: {exhaustive: true}\n"
        ),
        "base/templates/bad": b"{{ nobody_defined_this }}\n",
    }
)


@pytest.mark.parametrize(
    ("resource", "live", "expected"),
    [
        ("file:/etc/a", Present({"type": "file", "mode": "0600", "owner": "root"}), True),
        ("file:/etc/a", Present({"type": "file", "mode": "0644"}), False),
        ("file:/etc/a", ABSENT, False),
        ("file:/etc/gone", ABSENT, True),
        ("file:/etc/gone", Present({"type": "file"}), False),
        ("file:/etc/bad", Present({"type": "file"}), False),
        ("file:/etc/now-a-link", Present({"type": "symlink", "target": "/x"}), True),
        ("file:/etc/now-a-link", Present({"type": "symlink", "target": "/y"}), False),
        ("file:/etc/all/extra", ABSENT, True),
        ("file:/etc/all/extra", Present({"type": "file"}), False),
        ("file:/etc/undeclared", ABSENT, False),
        ("file:/etc/a", Unknown("denied"), False),
    ],
)
def test_the_definition_gives_live_only_where_it_says_exactly_that(
    resource: str, live: State, expected: bool
) -> None:
    assert gives_live(DEFINITION, resource, Occurrence(WEB, UNDECLARED, live)) is expected


def test_of_a_watched_kind_the_definition_gives_what_was_there_at_the_first_look() -> None:
    definition = parse_definition({"definition.yaml": b"format: 1\nwatched: [packages]\n"})
    was, now = (Present({"version": version, "hold": False}) for version in ("1", "2"))

    def given(live: State, base: State, counted: set[str] | None = None) -> bool:
        attributes = None if counted is None else frozenset(counted)
        return gives_live(definition, "package:nginx", Occurrence(WEB, base, live, attributes=attributes))

    assert given(was, was) and given(ABSENT, ABSENT)
    assert not given(now, was) and not given(ABSENT, was) and not given(now, ABSENT)
    assert given(now, was, {"hold"})
    assert not gives_live(definition, "host_key:web-1", Occurrence(WEB, was, was))


# ---- base after a deployment


def file(**data: str) -> Present:
    return Present({"type": "file", **data})


def manifest(**states: State) -> DesiredManifest:
    return DesiredManifest(
        {
            name: DesiredResource(
                name, state, frozenset(), HERE, how="content" if isinstance(state, Present) else None
            )
            for name, state in states.items()
        }
    )


NOTHING = manifest()


def test_what_was_deployed_becomes_agreed_and_the_rest_of_it_goes() -> None:
    base = {"a": file(sha256="old"), "b": file(sha256="b")}
    after = deployed_base(base=base, head=NOTHING, deployed=manifest(a=file(sha256="new")))
    assert after == {"a": file(sha256="new")}
    assert base["a"] == file(sha256="old")


def test_named_resources_only() -> None:
    base: dict[str, State] = {"a": file(sha256="1"), "b": file(sha256="1")}
    deployed = manifest(a=file(sha256="2"), b=file(sha256="2"))
    after = deployed_base(base=base, head=NOTHING, deployed=deployed, resources=["a"])
    assert after == {"a": file(sha256="2"), "b": file(sha256="1")}


def test_undeclared_attributes_stay_and_content_that_is_declared_replaces_a_secret() -> None:
    base: dict[str, State] = {
        "a": file(sha256="1", mode="0644", owner="ana"),
        "s": file(hmac="k", mode="0600"),
    }
    deployed = manifest(a=file(sha256="2", mode="0640"), s=file(mode="0600"))
    after = deployed_base(base=base, head=NOTHING, deployed=deployed)
    assert after["a"] == file(sha256="2", mode="0640", owner="ana")
    assert after["s"] == file(mode="0600")  # what the next look finds counts as deployed


def test_another_kind_of_thing_keeps_nothing_of_the_old() -> None:
    link = Present({"type": "symlink", "target": "/x"})
    after = deployed_base(base={"a": file(mode="0644")}, head=NOTHING, deployed=manifest(a=link))
    assert after == {"a": link}


def test_absent_is_deployed_and_what_can_not_be_rendered_is_not() -> None:
    base: dict[str, State] = {"a": file(), "b": file(sha256="1")}
    deployed = manifest(a=ABSENT, b=Unknown("render error"))
    after = deployed_base(base=base, head=NOTHING, deployed=deployed)
    assert isinstance(after["a"], Absent) and after["b"] == file(sha256="1")


def test_a_host_without_base_begins_with_the_head() -> None:
    head = manifest(a=file(sha256="head"), b=file(sha256="head"), c=Unknown("render error"))
    after = deployed_base(base=None, head=head, deployed=manifest(a=file(sha256="old")), resources=["a"])
    assert after == {"a": file(sha256="old"), "b": file(sha256="head")}


def test_later_deployments_are_not_taken_back() -> None:
    base: dict[str, State] = {"a": file(sha256="late"), "b": file(sha256="early")}
    deployed = manifest(a=file(sha256="mid"), b=file(sha256="mid"))
    partly = deployed_base(base=base, head=NOTHING, deployed=deployed, newer=[["a"]])
    assert partly == {"a": file(sha256="late"), "b": file(sha256="mid")}
    assert deployed_base(base=base, head=NOTHING, deployed=deployed, newer=[["a"], []]) == base
