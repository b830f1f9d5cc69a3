"""Watched roots: what nobody declared below them is compared with what was there at the first look."""

from collections.abc import Collection, Mapping

import pytest

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule, Origin
from deployments.core.states import ABSENT, Present, State, Unknown
from drift.core.bases import deployed_base
from drift.core.change_words import title_of
from drift.core.evaluation import Judged, counts, evaluate, next_base
from drift.core.watched import is_whole

ORIGIN = Origin("base", "base/resources.yaml", 1)
Base = dict[str, State]


def file(content: str = "a", mode: str = "0644", **rest: object) -> Present:
    return Present(
        {"type": "file", "owner": "root", "group": "root", "mode": mode, "sha256": content * 64, **rest}
    )


def directory(mode: str = "0755") -> Present:
    return Present({"type": "directory", "owner": "root", "group": "root", "mode": mode})


LINK = Present({"type": "symlink", "target": "x", "owner": "root", "group": "root"})


def definition(
    *declared: str,
    watching: tuple[str, ...] = (),
    roots: tuple[str, ...] = ("/etc",),
    exhaustive: tuple[str, ...] = (),
) -> DesiredManifest:
    state = Present({"type": "file", "mode": "0644"})
    resources = {name: DesiredResource(name, state, frozenset(state.data), ORIGIN) for name in declared}
    return DesiredManifest(resources, exhaustive, watched=watching, roots=roots)


WATCHING = definition()


def look(
    base: Base | None,
    desired: DesiredManifest,
    states: Mapping[str, State],
    *,
    listed: Mapping[str, str | None] | None = None,
    still_open: tuple[str, ...] = (),
    ignore: tuple[IgnoreRule, ...] = (),
    shipped: Collection[str] | None = None,
    packaged: Collection[str] | None = None,
) -> tuple[dict[str, str], Base, list[Judged]]:
    """(verdicts of what is counted, base afterwards, everything)"""
    whole = {
        **dict.fromkeys(desired.roots),
        **{f"{kind}:": None for kind in desired.watched},
        **(listed or {}),
    }
    observation = Observation(
        states,
        listed=whole,
        shipped=None if shipped is None else frozenset(shipped),
        packaged=None if packaged is None else frozenset(packaged),
    )
    judged = evaluate(
        base=base, desired=desired, observation=observation, still_open=still_open, ignore=ignore
    )
    told = {item.resource: item.verdict.value for item in judged if item.counted}
    return told, next_base(base, judged), judged


def enrolled(
    states: Mapping[str, State], desired: DesiredManifest = WATCHING, **rest: Collection[str]
) -> Base:
    return look(None, desired, states, **rest)[1]  # type: ignore[arg-type]


CONF = "file:/etc/nginx/nginx.conf"
AT_FIRST: Base = {"directory:/etc/nginx": directory(), CONF: file()}


def test_at_the_first_complete_look_base_is_what_was_there() -> None:
    told, base, _ = look(None, WATCHING, AT_FIRST)
    assert told == dict.fromkeys(AT_FIRST, "in sync")
    assert {name: base[name] for name in AT_FIRST} == AT_FIRST and "path:/etc" in base


@pytest.mark.parametrize(
    "now",
    [
        file("b"),
        file(mode="0600"),
        file(owner="ana"),
        file(group="adm"),
        file(acl=["user:ana:rw-"]),
        file(capabilities="cap_net_raw=ep"),
        ABSENT,
    ],
)
def test_whatever_of_it_was_changed_by_hand_is_drift_and_base_stays(now: State) -> None:
    base = enrolled(AT_FIRST)
    states = {name: state for name, state in {**AT_FIRST, CONF: now}.items() if state != ABSENT}
    for _ in range(2):
        told, base, judged = look(base, WATCHING, states)
        assert told[CONF] == "drifted" and base[CONF] == file()
    [item] = [item for item in judged if item.resource == CONF]
    assert (item.base, item.head, item.live, item.watched) == (file(), file(), now, True)
    assert look(base, WATCHING, AT_FIRST)[0][CONF] == "in sync"


def test_an_acl_that_is_taken_away_is_drift() -> None:
    base = enrolled({CONF: file(acl=["user:ana:rw-"])})
    assert look(base, WATCHING, {CONF: file()})[0] == {CONF: "drifted"}


def test_what_is_new_is_drift_until_it_is_gone_again() -> None:
    new = {"file:/etc/new": file(), "symlink:/etc/link": LINK, "directory:/etc/dir": directory()}
    told, base, _ = look(enrolled(AT_FIRST), WATCHING, {**AT_FIRST, **new})
    assert {name: told[name] for name in new} == dict.fromkeys(new, "drifted")
    assert look(base, WATCHING, AT_FIRST)[0] == dict.fromkeys(AT_FIRST, "in sync")


def test_a_link_in_place_of_a_file_is_one_change_of_the_file() -> None:
    told, base, judged = look(enrolled({CONF: file()}), WATCHING, {"symlink:/etc/nginx/nginx.conf": LINK})
    assert {name for name, verdict in told.items() if verdict == "drifted"} == {CONF}
    [item] = [item for item in judged if item.resource == CONF]
    assert item.live == LINK
    assert look(base, WATCHING, {CONF: file()})[0] == {CONF: "in sync"}


def test_a_listing_that_is_not_complete_makes_nothing_absent_and_is_one_unknown() -> None:
    base = enrolled(AT_FIRST)
    told, after, judged = look(base, WATCHING, {CONF: file("b")}, listed={"/etc": "over limit"})
    assert told == {CONF: "drifted", "path:/etc": "unknown"}
    assert counts(judged)["unknown"] == 1
    assert after == base


def test_before_its_first_complete_look_nothing_is_judged_below_a_root() -> None:
    told, base, _ = look(None, WATCHING, AT_FIRST, listed={"/etc": "over limit"})
    assert (told, base) == ({"path:/etc": "unknown", **dict.fromkeys(AT_FIRST, "unmanaged")}, {})
    assert look(base, WATCHING, AT_FIRST)[0] == dict.fromkeys(AT_FIRST, "in sync")


def test_a_directory_that_may_not_be_read_is_unknown_and_its_entries_are_new_to_nobody_later() -> None:
    hidden = {"/etc/closed": "denied"}
    seen = {"directory:/etc/closed": directory("0700"), CONF: file()}
    told, base, _ = look(None, WATCHING, seen, listed=hidden)
    assert told == {**dict.fromkeys(seen, "in sync"), "path:/etc/closed": "unknown"}
    assert look(base, WATCHING, {**seen, CONF: file("b")}, listed=hidden)[0][CONF] == "drifted"
    opened = {**seen, "file:/etc/closed/a": file()}
    told, base, _ = look(base, WATCHING, opened)
    assert set(told.values()) == {"in sync"}
    told, _, _ = look(base, WATCHING, {**opened, "file:/etc/closed/b": file()})
    assert told["file:/etc/closed/b"] == "drifted"


def test_a_directory_that_is_closed_later_loses_nothing() -> None:
    states = {"directory:/etc/closed": directory(), "file:/etc/closed/a": file()}
    base = enrolled(states)
    told, after, _ = look(base, WATCHING, dict([*states.items()][:1]), listed={"/etc/closed": "denied"})
    assert told == {"directory:/etc/closed": "in sync", "path:/etc/closed": "unknown"}
    assert after["file:/etc/closed/a"] == file()
    assert (
        look(after, WATCHING, {**states, "file:/etc/closed/b": file()})[0]["file:/etc/closed/b"] == "drifted"
    )


def test_a_file_that_could_not_be_read_is_unknown_and_what_is_seen_first_is_agreed() -> None:
    told, base, _ = look(None, WATCHING, {CONF: Unknown("denied")})
    assert told == {CONF: "unknown"}
    told, base, _ = look(base, WATCHING, {CONF: file()})
    assert told == {CONF: "in sync"}
    assert look(base, WATCHING, {CONF: Unknown("denied")})[1][CONF] == file()


def test_a_newly_watched_root_takes_its_first_look_as_base_and_one_that_is_no_longer_watched_ends() -> None:
    base = enrolled({CONF: file()}, definition(roots=("/etc/nginx",)))
    wider = {CONF: file("b"), "file:/etc/motd": file()}
    told, base, _ = look(base, WATCHING, wider)
    assert told == {CONF: "drifted", "file:/etc/motd": "in sync"}
    told, base, _ = look(base, definition(roots=()), wider, still_open=(CONF,))
    assert told[CONF] == "unmanaged" and "path:/etc" not in base and CONF not in base


def test_what_is_declared_or_in_an_exhaustive_directory_is_compared_as_before() -> None:
    desired = definition(CONF, exhaustive=("/etc/conf.d",))
    states = {CONF: file(), "file:/etc/conf.d/x": file(), "file:/etc/motd": file()}
    told, base, judged = look(None, desired, states, listed={"/etc/conf.d": None})
    assert told == {CONF: "in sync", "file:/etc/conf.d/x": "drifted", "file:/etc/motd": "in sync"}
    assert [item.resource for item in judged if item.watched] == ["file:/etc/motd", "path:/etc"]
    told, _, _ = look(base, desired, {**states, CONF: file("b")}, listed={"/etc/conf.d": None})
    assert told[CONF] == "in sync", "its content is not declared"


def test_a_declaration_that_is_taken_out_leaves_the_file_watched_as_it_was_agreed() -> None:
    states = {CONF: file()}
    base = enrolled(states, definition(CONF))
    assert look(base, WATCHING, {CONF: file("b")})[0] == {CONF: "drifted"}
    partly: Base = {**base, CONF: Present({"type": "file", "mode": "0644"})}
    told, after, _ = look(partly, WATCHING, states)
    assert told == {CONF: "in sync"} and after[CONF] == file()


def test_what_other_watched_kinds_say_and_what_is_nobodys_is_no_files_to_say() -> None:
    said = {
        "file:/etc/passwd": file(),
        "file:/etc/cron.d/job": file(),
        "directory:/etc/systemd/system/nginx.service.d": directory(),
        "symlink:/etc/systemd/system/sshd.service": LINK,
        "file:/etc/ld.so.cache": file(),
        "file:/etc/nginx/nginx.conf.dpkg-old": file(),
        "symlink:/etc/rc3.d/S01nginx": LINK,
    }
    watching = definition(watching=("user", "cron", "service"))
    base = enrolled(AT_FIRST, watching)
    told = look(base, watching, {**AT_FIRST, **said})[0]
    assert {name for name, verdict in told.items() if verdict == "drifted"} == set()
    told = look(enrolled(AT_FIRST), WATCHING, {**AT_FIRST, **said})[0]
    assert {name for name, verdict in told.items() if verdict == "drifted"} == {*said} - {
        "file:/etc/ld.so.cache",
        "file:/etc/nginx/nginx.conf.dpkg-old",
        "symlink:/etc/rc3.d/S01nginx",
    }


def test_files_of_a_kind_that_is_no_longer_watched_are_looked_at_for_the_first_time() -> None:
    crontab = {"file:/etc/crontab": file()}
    base = enrolled(AT_FIRST, definition(watching=("cron",)))
    told, base, _ = look(base, WATCHING, {**AT_FIRST, **crontab})
    assert set(told.values()) == {"in sync"}
    assert (
        look(base, WATCHING, {**AT_FIRST, "file:/etc/crontab": file("b")})[0]["file:/etc/crontab"]
        == "drifted"
    )


def test_what_a_package_brought_is_in_sync_and_base_follows() -> None:
    base = enrolled(AT_FIRST, packaged=["/etc/nginx", "/etc/nginx/nginx.conf"])
    upgraded = {
        **AT_FIRST,
        CONF: file("b"),
        "file:/etc/at.deny": file("c", mode="0640"),
        "directory:/etc/at.d": directory(),
    }
    packaged = ["/etc/nginx", "/etc/nginx/nginx.conf", "/etc/at.deny", "/etc/at.d"]
    shipped = ["/etc/nginx/nginx.conf", "/etc/at.deny"]
    told, base, _ = look(base, WATCHING, upgraded, shipped=shipped, packaged=packaged)
    assert set(told.values()) == {"in sync"} and base[CONF] == file("b")
    # … by which it is agreed: what is done to it by hand is drift again.
    told, base, _ = look(base, WATCHING, {**upgraded, CONF: file("d")}, shipped=[], packaged=packaged)
    assert told[CONF] == "drifted"
    # Rights are not what a package manager vouches for.
    wide = {**upgraded, CONF: file("e", mode="0666")}
    told, _, judged = look(base, WATCHING, wide, shipped=shipped, packaged=packaged)
    [item] = [item for item in judged if item.resource == CONF]
    assert told[CONF] == "drifted" and (item.base, item.live) == (file("e"), file("e", mode="0666"))


def test_what_belongs_to_no_package_is_drift_whatever_packages_say() -> None:
    told, _, _ = look(
        enrolled(AT_FIRST),
        WATCHING,
        {**AT_FIRST, "file:/etc/by-hand": file()},
        shipped=["/etc/nginx/nginx.conf"],
        packaged=["/etc/nginx", "/etc/nginx/nginx.conf", "/etc/by-hand"],
    )
    assert told["file:/etc/by-hand"] == "drifted"


def test_a_file_goes_with_its_package_and_one_that_is_deleted_by_hand_is_drift() -> None:
    own = ["/etc/nginx", "/etc/nginx/nginx.conf"]
    base = enrolled(AT_FIRST, packaged=own)
    told, after, _ = look(base, WATCHING, {}, shipped=[], packaged=[])
    assert set(told.values()) == {"in sync"} and set(after) == {"path:/etc"}
    assert look(base, WATCHING, {}, shipped=[], packaged=own)[0] == dict.fromkeys(AT_FIRST, "drifted")
    assert look(base, WATCHING, {})[0] == dict.fromkeys(AT_FIRST, "drifted"), (
        "nobody knows what packages have"
    )
    told, _, _ = look(enrolled({"file:/etc/x": file()}, packaged=own), WATCHING, {}, shipped=[], packaged=own)
    assert told == {"file:/etc/x": "drifted"}


def test_a_new_directory_that_holds_what_is_declared_is_there_because_of_it() -> None:
    desired = definition("file:/etc/shop/shop.conf")
    states = {"file:/etc/shop/shop.conf": file(), "directory:/etc/shop": directory()}
    told, base, _ = look(enrolled({}, desired), desired, states)
    assert set(told.values()) == {"in sync"}
    assert (
        look(base, desired, {**states, "directory:/etc/shop": directory("0777")})[0]["directory:/etc/shop"]
        == "drifted"
    )


def test_a_path_that_becomes_a_secret_one_was_not_edited() -> None:
    secret = Present({**{k: v for k, v in file().data.items() if k != "sha256"}, "hmac": "h1"})
    told, base, _ = look(enrolled({CONF: file()}), WATCHING, {CONF: secret})
    assert told == {CONF: "in sync"}
    assert look(base, WATCHING, {CONF: Present({**secret.data, "hmac": "h2"})})[0] == {CONF: "drifted"}


def test_an_ignore_rule_hides_what_is_noise_and_a_directory_that_can_not_be_read() -> None:
    rule = IgnoreRule("/etc/closed/**", "theirs", 1), IgnoreRule("/etc/closed", "theirs", 1)
    base = enrolled(AT_FIRST)
    states = {**AT_FIRST, "file:/etc/closed/a": file()}
    _, _, judged = look(base, WATCHING, states, listed={"/etc/closed": "denied"}, ignore=rule)
    assert counts(judged) | {"in sync": 0} == dict.fromkeys(counts(judged), 0) | {"hidden": 2}


def test_a_report_of_a_deployment_leaves_what_is_watched_as_it_was_agreed() -> None:
    base = enrolled({**AT_FIRST, "file:/opt/x": file()})
    deployed = definition("file:/srv/app")
    after = deployed_base(base=base, head=deployed, deployed=deployed)
    assert {name: after[name] for name in base} == base
    named = deployed_base(base=base, head=deployed, deployed=deployed, resources=[CONF])
    assert look(named, WATCHING, {**AT_FIRST, CONF: file("z")})[0][CONF] == "in sync"


def test_a_root_is_named_as_people_say_it() -> None:
    assert is_whole("path:/etc") and str(title_of("path:/etc")) == "Everything below /etc"


def test_more_changes_than_people_make_are_one_unknown_and_change_nothing() -> None:
    _, base, _ = look(enrolled(AT_FIRST), WATCHING, {**AT_FIRST, CONF: file("b")})
    unpacked = {f"file:/etc/tree/{number}": file() for number in range(1_001)}
    states = {**AT_FIRST, CONF: file("b"), **unpacked}
    told, after, judged = look(base, WATCHING, states, still_open=(CONF,))
    assert told == {CONF: "drifted", "directory:/etc/nginx": "in sync", "path:/etc": "unknown"}
    assert counts(judged)["unknown"] == 1 and after == base
    some = dict([*states.items()][:900])
    assert set(look(base, WATCHING, some)[0].values()) == {"drifted", "in sync"}


@pytest.mark.parametrize("attribute", ["capabilities", "acl"])
def test_without_the_tool_that_tells_an_attribute_what_had_it_is_unknown_and_nothing_ends(
    attribute: str,
) -> None:
    rights = {"capabilities": "cap_net_raw=ep"} if attribute == "capabilities" else {"acl": ["user:ana:r--"]}
    had, plain = file(**rights), file()
    base: Base = {
        "path:/etc": Present({}),
        "file:/etc/had": had,
        "file:/etc/plain": plain,
        "file:/etc/now": plain,
    }
    observation = Observation(
        states={"file:/etc/had": plain, "file:/etc/plain": plain, "file:/etc/now": plain},
        listed={"/etc": None},
        unseen={attribute: "tool missing: x"},
    )
    judged = evaluate(
        base=base,
        desired=WATCHING,
        observation=observation,
        still_open=["file:/etc/now"],
        found={"file:/etc/now": had},
    )
    said = {item.resource: (item.verdict.value, item.judgement.reason) for item in judged}
    assert said["file:/etc/had"] == ("unknown", "tool missing: x"), (
        "it is not taken away because nobody tells"
    )
    assert said["file:/etc/now"] == ("unknown", "tool missing: x"), "it is not put back because nobody tells"
    assert said["file:/etc/plain"][0] == "in sync"
    assert next_base(base, judged)["file:/etc/had"] == had
