"""Services, sockets and paths, from recorded answers of systemd, OpenRC and sysvinit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.services import SERVICES
from tests.core.kind_cases import answer, cases, expected, meaning

NGINX = {
    "Id": "nginx.service",
    "Names": "nginx.service web.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Type": "forking",
    "StateChangeTimestamp": "Mon 2026-11-23 08:07:38 UTC",
}


def systemd(*units: dict[str, str], ended: bytes = b"0 ", files: bytes = b"") -> bytes:
    blocks = ["".join(f"{name}={value}\n" for name, value in unit.items()) for unit in units]
    return b"t/systemctl\0" + "\n".join(blocks).encode() + b"\0" + ended + b"\0" + files + b"times/\0"


def declared(body: bytes, **resources: frozenset[str]) -> dict[str, State]:
    question = Question({f"service:{name}": wanted for name, wanted in resources.items()})
    survey = ListingSurvey(question, [SERVICES])
    survey.asks()
    survey.take([Reply(body)])
    return survey.findings().states


@pytest.mark.parametrize("case", cases("services"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(SERVICES.parse(answer("services", case))) == expected("services", case, SERVICES)


def test_an_alias_is_seen_where_it_is_declared_and_listed_once() -> None:
    body = systemd(NGINX)
    assert list(SERVICES.parse(body).states) == ["nginx"]
    state = declared(body, web=frozenset({"running"}))["service:web"]
    assert isinstance(state, Present) and state.data["running"] is True


def test_whether_a_oneshot_is_active_counts_only_where_it_is_declared() -> None:
    body = systemd({**NGINX, "Type": "oneshot", "ActiveState": "active", "SubState": "exited"})
    watched = SERVICES.parse(body).states["nginx"]
    assert isinstance(watched, Present) and "running" not in watched.data
    state = declared(body, nginx=frozenset({"running"}))["service:nginx"]
    assert isinstance(state, Present) and state.data["running"] is True


def test_a_service_that_is_just_being_started_is_unknown_and_no_drift() -> None:
    body = systemd({**NGINX, "ActiveState": "activating", "SubState": "start-pre"})
    why = Unknown("changed while being read: activating (start-pre)")
    assert SERVICES.parse(body).states["nginx"] == why
    assert declared(body, nginx=frozenset({"running"}))["service:nginx"] == why
    assert isinstance(declared(body, nginx=frozenset({"enabled"}))["service:nginx"], Present)


def test_a_service_that_fails_again_and_again_does_not_run() -> None:
    body = systemd({**NGINX, "ActiveState": "activating", "SubState": "auto-restart"})
    assert SERVICES.parse(body).states["nginx"].data["running"] is False  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "unit",
    [
        {"Id": "user@1000.service", "UnitFileState": "static"},
        {"Id": "run-r1.service", "UnitFileState": "transient"},
        {"Id": "adhoc.service", "Transient": "yes"},
        {"Id": "gone.service", "LoadState": "not-found", "UnitFileState": ""},
        {"Id": "ssh@1-10.0.0.1:22.service", "UnitFileState": "disabled", "TriggeredBy": "ssh.socket"},
        {"Id": "work@b.service", "UnitFileState": "disabled", "ActiveState": "inactive"},
    ],
)
def test_sessions_connections_and_what_was_made_for_a_moment_are_not_listed(unit: dict[str, str]) -> None:
    assert SERVICES.parse(systemd(NGINX, {**NGINX, "Names": "", **unit})).states.keys() == {"nginx"}


def test_what_is_enabled_until_the_next_boot_only_is_not_enabled() -> None:
    listed = SERVICES.parse(systemd({**NGINX, "UnitFileState": "enabled-runtime"}))
    assert listed.states["nginx"].data["enabled"] is False  # type: ignore[union-attr]
    assert listed.evidence["nginx"] == {"changed_at": 1795421258.0, "until_reboot": "enabled-runtime"}


def test_a_drop_in_that_can_not_be_read_hides_nothing_else_of_its_service() -> None:
    body = systemd(NGINX, files=b"x/./etc/systemd/system/nginx.service.d\0denied\0")
    assert SERVICES.parse(body).states["nginx"] == Unknown("denied")
    assert isinstance(declared(body, nginx=frozenset({"enabled", "running"}))["service:nginx"], Present)
    assert declared(body, nginx=frozenset({"drop_ins"}))["service:nginx"] == Unknown("denied")


def test_a_service_that_no_manager_knows_is_absent_and_without_a_manager_unknown() -> None:
    assert declared(systemd(NGINX), apache2=frozenset({"running"})) == {"service:apache2": ABSENT}
    survey = ListingSurvey(Question.of(["service:nginx"]), [SERVICES])
    survey.asks()
    survey.take([Reply(b"", "tool missing: running service manager")])
    assert survey.findings().states == {"service:nginx": Unknown("tool missing: running service manager")}


def test_a_secret_in_a_drop_in_never_arrives_and_is_counted() -> None:
    text = b"[Service]\nEnvironment=DB_PASSWORD=correct-horse-battery\n"
    path = b"f/./etc/systemd/system/nginx.service.d/override.conf\0"
    listed = SERVICES.parse(systemd(NGINX, files=path + text + b"\0"))
    assert b"correct-horse" not in repr(listed).encode()
    assert listed.redacted["nginx"] == 1


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    SERVICES.parse(body)
    for tool in (b"systemctl", b"openrc", b"sysv"):
        SERVICES.parse(b"t/" + tool + b"\0" + body + b"\n\0000 \0times/\0")


@given(st.dictionaries(st.sampled_from(sorted(NGINX)), st.text(alphabet="ab@.= \x1b\n", max_size=20)))
def test_no_property_makes_the_parser_raise(properties: dict[str, str]) -> None:
    for key in SERVICES.parse(systemd({**NGINX, **properties})).states:
        assert key.isprintable()


@given(st.lists(st.text(alphabet="ab .\x1b/", max_size=20)))
def test_no_name_of_a_script_makes_the_parser_raise(names: list[str]) -> None:
    lines = "".join(f"script {name}\nenabled {name}\n" for name in names).encode()
    for tool in (b"openrc", b"sysv"):
        for key in SERVICES.parse(b"t/" + tool + b"\0" + lines + b"\0000 \0times/\0").states:
            assert key.isprintable()
