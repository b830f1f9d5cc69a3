"""Watched kinds: what nobody declared is compared with what was there at the first look."""

from collections.abc import Mapping

import pytest

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule, Origin
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown
from deployments.kinds.listing import ListedKind
from drift.core import evaluation, watched
from drift.core.evaluation import Judged, counts, evaluate, next_base
from drift.core.outcome import occurrence_outcome

ORIGIN = Origin("base", "base/resources.yaml", 1)
FAKES = {
    "package": ListedKind("package", "packages", ("version", "hold"), compared=("version", "hold")),
    "service": ListedKind(
        "service",
        "services",
        ("enabled", "running", "masked", "drop_ins"),
        compared=("enabled", "masked", "drop_ins"),
    ),
    "sudoers": ListedKind("sudoers", "sudoers", ("rules",)),
    "mount": ListedKind("mount", "mounts", ("source",)),
}
Base = dict[str, State]


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "KINDS", FAKES)


def package(version: str = "1", *, hold: bool = False) -> Present:
    return Present({"version": version, "hold": hold})


def service(*, running: bool = True, enabled: bool = True, **drop_ins: str) -> Present:
    texts = {name.replace("_", "."): text for name, text in drop_ins.items()}
    return Present({"enabled": enabled, "running": running, "masked": False, "drop_ins": texts})


def declared(resource: str, state: State, *, how: str | None = None) -> DesiredResource:
    attributes = frozenset(state.data) if isinstance(state, Present) else frozenset[str]()
    return DesiredResource(resource, state, attributes, ORIGIN, how=how)


def definition(
    *resources: DesiredResource, watching: tuple[str, ...] = ("package",), exhaustive: tuple[str, ...] = ()
) -> DesiredManifest:
    return DesiredManifest({want.resource: want for want in resources}, exhaustive, watched=watching)


def look(
    base: Base | None,
    desired: DesiredManifest,
    states: Mapping[str, State],
    *,
    incomplete: Mapping[str, str] | None = None,
    still_open: tuple[str, ...] = (),
    ignore: tuple[IgnoreRule, ...] = (),
) -> tuple[dict[str, str], Base, list[Judged]]:
    """(verdicts of what is counted, base afterwards, everything)"""
    listed = {f"{kind}:": (incomplete or {}).get(kind) for kind in desired.watched}
    judged = evaluate(
        base=base,
        desired=desired,
        observation=Observation(states, listed=listed),
        still_open=still_open,
        ignore=ignore,
    )
    told = {item.resource: item.verdict.value for item in judged if item.counted}
    return told, next_base(base, judged), judged


def enrolled(
    desired: DesiredManifest, states: Mapping[str, State], incomplete: Mapping[str, str] | None = None
) -> Base:
    return look(None, desired, states, incomplete=incomplete)[1]


NGINX = {"package:nginx": package()}
WATCHING = definition()


def test_at_the_first_look_base_is_what_was_there() -> None:
    told, base, judged = look(None, WATCHING, NGINX)
    assert told == {"package:nginx": "in sync"}
    assert base["package:nginx"] == package()
    assert counts(judged)["in sync"] == 1


@pytest.mark.parametrize(
    "then",
    [
        {"package:nginx": package("2")},
        {"package:nginx": package(hold=True)},
        {"package:nginx": package(), "package:vim": package()},
    ],
)
def test_what_is_different_or_new_later_is_drift_and_its_head_is_its_base(then: Base) -> None:
    base = enrolled(WATCHING, NGINX)
    told, after, judged = look(base, WATCHING, then)
    drifted = [item for item in judged if item.verdict.value == "drifted"]
    assert len(drifted) == 1 and drifted[0].watched and drifted[0].head == drifted[0].base
    assert after == base
    assert told[drifted[0].resource] == "drifted"


def test_what_vanished_is_drift_from_present_to_absent() -> None:
    base = enrolled(WATCHING, NGINX)
    told, after, judged = look(base, WATCHING, {})
    assert told == {"package:nginx": "drifted"}
    [gone] = [item for item in judged if item.counted]
    assert (gone.base, gone.live) == (package(), ABSENT)
    assert after == base


def test_what_came_and_went_again_vanishes() -> None:
    base = enrolled(WATCHING, NGINX)
    _, _, judged = look(base, WATCHING, NGINX, still_open=("package:vim",))
    vim = next(item for item in judged if item.resource == "package:vim")
    assert occurrence_outcome(vim, finding_state="open") == "vanished"


def test_a_port_that_closed_is_no_drift_and_stays_agreed_until_it_opens_again() -> None:
    desired = definition(watching=("port",))
    nginx, other = Present({"process": "nginx"}), Present({"process": "nc"})
    _, base, _ = look(None, desired, {"port:tcp/*:80": nginx})
    verdicts, base, _ = look(base, desired, {})
    assert set(verdicts.values()) == {"in sync"}
    verdicts, _, _ = look(base, desired, {"port:tcp/*:80": nginx})
    assert set(verdicts.values()) == {"in sync"}
    verdicts, _, _ = look(base, desired, {"port:tcp/*:80": other, "port:tcp/*:81": nginx})
    assert (verdicts["port:tcp/*:80"], verdicts["port:tcp/*:81"]) == ("drifted", "drifted")


def test_attributes_that_a_host_changes_by_itself_are_no_drift() -> None:
    desired = definition(watching=("service",))
    base = enrolled(desired, {"service:x": service(running=True)})
    assert look(base, desired, {"service:x": service(running=False)})[0] == {"service:x": "in sync"}
    assert look(base, desired, {"service:x": service(enabled=False)})[0] == {"service:x": "drifted"}


def test_an_incomplete_listing_makes_nothing_absent_and_is_counted_once() -> None:
    base = enrolled(WATCHING, {f"package:p{number}": package() for number in range(50)})
    told, after, judged = look(base, WATCHING, {}, incomplete={"package": "denied"})
    assert told == {"package:": "unknown"}
    assert counts(judged) | {"unknown": 0, "in sync": 0} == counts([]) and counts(judged)["unknown"] == 1
    assert after == base


def test_an_open_finding_stays_while_its_kind_can_not_be_listed() -> None:
    base = enrolled(WATCHING, NGINX)
    for still_open in ("package:nginx", "package:vim"):  # one that vanished, one that was new
        _, _, judged = look(base, WATCHING, {}, incomplete={"package": "truncated"}, still_open=(still_open,))
        item = next(item for item in judged if item.resource == still_open)
        assert occurrence_outcome(item, finding_state="open") is None


def test_what_is_seen_of_an_incomplete_listing_is_judged() -> None:
    base = enrolled(WATCHING, NGINX)
    told = look(base, WATCHING, {"package:nginx": package("2")}, incomplete={"package": "over limit"})[0]
    assert told == {"package:": "unknown", "package:nginx": "drifted"}


def test_before_its_first_complete_look_nothing_of_a_kind_is_judged_or_agreed() -> None:
    told, base, _ = look(None, WATCHING, NGINX, incomplete={"package": "denied"})
    assert told == {"package:": "unknown"} and base == {}
    told, base, _ = look(base, WATCHING, {"package:nginx": package("2")})
    assert told == {"package:nginx": "in sync"} and base["package:nginx"] == package("2")


def test_a_kind_that_is_newly_watched_takes_its_first_look_as_base_without_findings() -> None:
    motd = declared("file:/etc/motd", Present({"type": "file"}))
    live: Base = {"file:/etc/motd": Present({"type": "file"})}
    base = enrolled(definition(motd, watching=()), live)
    told, base, _ = look(base, definition(motd), {**live, **NGINX})
    assert told == {"file:/etc/motd": "in sync", "package:nginx": "in sync"}
    assert look(base, definition(motd), live)[0]["package:nginx"] == "drifted"


def test_a_kind_that_is_no_longer_watched_ends_its_findings_as_no_longer_managed_and_is_forgotten() -> None:
    base = enrolled(WATCHING, NGINX)
    _, after, judged = look(base, definition(watching=()), {}, still_open=("package:nginx",))
    assert [occurrence_outcome(item, finding_state="open") for item in judged] == ["unmanaged"]
    assert after == {}


def test_an_entry_that_was_listed_and_could_not_be_seen_is_agreed_when_it_is_seen_first() -> None:
    told, base, _ = look(None, WATCHING, {"package:nginx": Unknown("denied")})
    assert told == {"package:nginx": "unknown"} and base["package:nginx"] == UNDECLARED
    told, base, _ = look(base, WATCHING, {"package:nginx": Unknown("denied")})
    assert told == {"package:nginx": "unknown"}
    told, base, _ = look(base, WATCHING, NGINX)
    assert told == {"package:nginx": "in sync"} and base["package:nginx"] == package()


def test_an_entry_that_can_not_be_seen_any_more_is_unknown() -> None:
    base = enrolled(WATCHING, NGINX)
    told, after, _ = look(base, WATCHING, {"package:nginx": Unknown("denied")})
    assert told == {"package:nginx": "unknown"} and after == base


def test_declaring_what_was_found_is_in_sync_and_proves_it() -> None:
    base = enrolled(WATCHING, NGINX)
    live: Base = {"package:nginx": package("2"), "package:vim": package()}
    folded = definition(
        declared("package:nginx", Present({"version": "2"})),
        declared("package:vim", Present({"version": "1"})),
    )
    _, after, judged = look(base, folded, live, still_open=("package:nginx", "package:vim"))
    outcomes = {
        item.resource: occurrence_outcome(item, finding_state="committed") for item in judged if item.counted
    }
    assert outcomes == {"package:nginx": "proven", "package:vim": "proven"}
    assert after["package:nginx"] == package("2")


def test_declaring_that_something_is_absent_proves_that_it_was_removed() -> None:
    base = enrolled(WATCHING, NGINX)
    _, _, judged = look(base, definition(declared("package:nginx", ABSENT)), {"package:nginx": ABSENT})
    [item] = [item for item in judged if item.counted]
    assert occurrence_outcome(item, finding_state="committed") == "proven"


def test_hosts_that_lack_what_was_folded_back_wait_for_it() -> None:
    folded = definition(
        declared("package:nginx", Present({"version": "2"})),
        declared("package:vim", Present({"version": "1"})),
    )
    told, _, _ = look(enrolled(WATCHING, NGINX), folded, {**NGINX, "package:vim": ABSENT})
    assert told == {"package:nginx": "pending", "package:vim": "pending"}


def test_what_is_no_longer_declared_is_compared_with_what_was_agreed() -> None:
    wanted = definition(declared("package:nginx", Present({"version": "1"})))
    base = enrolled(wanted, NGINX)
    assert look(base, WATCHING, NGINX)[0] == {"package:nginx": "in sync"}
    assert look(base, WATCHING, {"package:nginx": package(hold=True)})[0] == {"package:nginx": "drifted"}


def test_enrolment_fills_in_what_is_not_declared_so_that_it_is_compared_once_nobody_declares_it() -> None:
    wanted = definition(declared("package:nginx", Present({"version": "1"})))
    told, base, _ = look(None, wanted, {"package:nginx": package("2", hold=True)})
    assert told == {"package:nginx": "drifted"}
    assert base["package:nginx"] == package("1", hold=True)


def test_a_file_that_is_declared_with_its_content_is_not_compared_a_second_time() -> None:
    path = "/etc/sudoers.d/deploy"
    file = declared(f"file:{path}", Present({"type": "file", "sha256": "a"}), how="content")
    live: Base = {f"file:{path}": Present({"type": "file", "sha256": "a"}), f"sudoers:{path}": rules("one")}
    base = enrolled(definition(file, watching=("sudoers",)), live)
    told = look(base, definition(file, watching=("sudoers",)), {**live, f"sudoers:{path}": rules("two")})[0]
    assert told == {f"file:{path}": "in sync"}


def test_a_file_of_which_only_the_mode_is_declared_is_still_compared_by_what_is_in_it() -> None:
    path = "/etc/sudoers.d/deploy"
    file = declared(f"file:{path}", Present({"type": "file", "mode": "0440"}))
    live: Base = {f"file:{path}": Present({"type": "file", "mode": "0440"}), f"sudoers:{path}": rules("one")}
    wanted = definition(file, watching=("sudoers",))
    told = look(enrolled(wanted, live), wanted, {**live, f"sudoers:{path}": rules("two")})[0]
    assert told == {f"file:{path}": "in sync", f"sudoers:{path}": "drifted"}


def test_in_an_exhaustive_directory_a_new_file_is_found_once() -> None:
    directory = declared("directory:/etc/sudoers.d", Present({"type": "directory"}))
    wanted = definition(directory, watching=("sudoers", "mount"), exhaustive=("/etc/sudoers.d", "/srv"))
    live: Base = {"directory:/etc/sudoers.d": Present({"type": "directory"})}
    base = enrolled(wanted, live)
    path = "/etc/sudoers.d/new"
    then: Base = {
        f"file:{path}": Present({"type": "file"}), f"sudoers:{path}": rules("one"), "mount:/srv/a": Present({"source": "x"}),
    }  # fmt: skip
    told = look(base, wanted, {**live, **then})[0]
    assert told == {
        "directory:/etc/sudoers.d": "in sync", f"file:{path}": "drifted", "mount:/srv/a": "drifted",
    }  # fmt: skip


def test_a_finding_about_what_is_declared_as_a_file_now_is_no_longer_managed() -> None:
    path = "/etc/sudoers.d/deploy"
    base = enrolled(definition(watching=("sudoers",)), {})
    file = declared(f"file:{path}", Present({"type": "file", "sha256": "a"}), how="content")
    live: Base = {f"file:{path}": Present({"type": "file", "sha256": "a"}), f"sudoers:{path}": rules("one")}
    _, _, judged = look(base, definition(file, watching=("sudoers",)), live, still_open=(f"sudoers:{path}",))
    item = next(item for item in judged if item.resource == f"sudoers:{path}")
    assert occurrence_outcome(item, finding_state="open") == "unmanaged"


def test_a_drop_in_that_is_declared_as_a_file_is_compared_there_and_the_others_here() -> None:
    path = "/etc/systemd/system/nginx.service.d/a.conf"
    wanted = definition(
        declared(f"file:{path}", Present({"type": "file", "sha256": "a"}), how="content"),
        watching=("service",),
    )
    file: Base = {f"file:{path}": Present({"type": "file", "sha256": "a"})}
    base = enrolled(wanted, {**file, "service:nginx": service(a_conf="1", b_conf="1")})

    def then(state: Present) -> str:
        return look(base, wanted, {**file, "service:nginx": state})[0]["service:nginx"]

    assert then(service(a_conf="2", b_conf="1")) == "in sync"
    assert then(service(a_conf="1", b_conf="2")) == "drifted"


def test_what_a_file_sets_at_boot_is_compared_as_that_file_where_each_file_counts() -> None:
    desired = definition(watching=("sysctl",), exhaustive=("/etc/sysctl.d",))
    somaxconn = Present({"value": "4096"})
    base = enrolled(desired, {"sysctl:net.core.somaxconn": somaxconn})
    saved = {"sysctl:net.core.somaxconn": Present({"value": "4096", "persisted": "4096"})}
    assert set(look(base, desired, saved)[0].values()) == {"in sync"}
    tuned = {"sysctl:net.core.somaxconn": Present({"value": "8192", "persisted": "8192"})}
    assert look(base, desired, tuned)[0] == {"sysctl:net.core.somaxconn": "drifted"}
    elsewhere = definition(watching=("sysctl",))
    assert look(base, elsewhere, saved)[0] == {"sysctl:net.core.somaxconn": "drifted"}


def test_a_rule_hides_watched_entries_and_never_that_a_kind_could_not_be_listed() -> None:
    rules_ = (IgnoreRule("", "noise", 3, resource="package:*"),)
    base = enrolled(WATCHING, NGINX)
    _, _, judged = look(base, WATCHING, {"package:nginx": package("2")}, ignore=rules_)
    assert counts(judged)["hidden"] == 1 and counts(judged)["drifted"] == 0
    _, _, judged = look(base, WATCHING, {}, incomplete={"package": "denied"}, ignore=rules_)
    assert counts(judged)["unknown"] == 1


def test_one_name_in_two_kinds_is_two_resources() -> None:
    wanted = definition(declared("package:nginx", Present({"version": "1"})), watching=("service",))
    base = enrolled(wanted, {"package:nginx": package(), "service:nginx": service()})
    told = look(base, wanted, {"package:nginx": package(), "service:nginx": service(enabled=False)})[0]
    assert told == {"package:nginx": "in sync", "service:nginx": "drifted"}


def rules(*lines: str) -> Present:
    return Present({"rules": list(lines)})


def test_what_no_definition_can_declare_is_left_to_whoever_judges_it() -> None:
    assert look({}, definition(watching=()), {}, still_open=("host_key:ssh",))[2] == []


PINNED = definition(declared("package:nginx", Present({"version": "1"})))


def test_what_a_declaration_leaves_open_is_watched_too() -> None:
    base = enrolled(PINNED, NGINX)
    _, after, judged = look(base, PINNED, {"package:nginx": package(hold=True)})
    [held] = [item for item in judged if item.counted]
    assert (held.verdict, held.watched) == ("drifted", False)
    assert held.base == held.head == package() and held.live == package(hold=True)
    assert after == base
    unwatched = definition(declared("package:nginx", Present({"version": "1"})), watching=())
    assert look(base, unwatched, {"package:nginx": package(hold=True)})[0] == {"package:nginx": "in sync"}


def test_declaring_what_was_left_open_proves_it() -> None:
    base = enrolled(PINNED, NGINX)
    folded = definition(declared("package:nginx", package(hold=True)))
    _, after, judged = look(base, folded, {"package:nginx": package(hold=True)})
    [item] = [item for item in judged if item.counted]
    assert occurrence_outcome(item, finding_state="committed") == "proven"
    assert after["package:nginx"] == package(hold=True)


def test_a_moved_declaration_waits_as_long_as_what_it_leaves_open_is_as_it_was() -> None:
    base = enrolled(PINNED, NGINX)
    moved = definition(declared("package:nginx", Present({"version": "2"})))
    assert look(base, moved, NGINX)[0] == {"package:nginx": "pending"}
    assert look(base, moved, {"package:nginx": package(hold=True)})[0] == {"package:nginx": "conflict"}
    assert look(base, moved, {"package:nginx": package("2")})[0] == {"package:nginx": "in sync"}


def test_what_is_left_open_is_agreed_at_the_first_look_at_its_kind() -> None:
    told, base, _ = look(None, PINNED, {"package:nginx": package("2", hold=True)})
    assert told == {"package:nginx": "drifted"} and base["package:nginx"] == package("1", hold=True)
    early = enrolled(definition(declared("package:nginx", Present({"version": "1"})), watching=()), NGINX)
    told, base, _ = look(early, PINNED, {"package:nginx": package(hold=True)})
    assert told == {"package:nginx": "in sync"} and base["package:nginx"] == package(hold=True)


def test_more_changes_than_people_make_are_one_unknown_kind_and_no_finding_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluation, "MOST_CHANGED", 3)
    watching = definition()
    packages = {f"package:p{number}": package() for number in range(4)}
    base = enrolled(watching, packages)
    changed = {name: package("2") for name in packages}
    assert set(look(base, watching, {**packages, "package:p1": package("2")})[0].values()) == {
        "drifted",
        "in sync",
    }
    told, after, judged = look(base, watching, changed, still_open=("package:p1",))
    assert {name: verdict for name, verdict in told.items() if verdict != "in sync"} == {
        "package:": "unknown",
        "package:p1": "drifted",
    }
    assert after == base
    [whole] = [item for item in judged if item.resource == "package:"]
    assert whole.judgement.reason == "over limit: more than 3 entries differ"
