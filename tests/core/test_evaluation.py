"""One look at one host, judged."""

from collections.abc import Mapping

from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredManifest, DesiredResource, IgnoreRule, Origin
from deployments.core.states import ABSENT, UNDECLARED, Present, State, Unknown
from drift.core.evaluation import Judged, counts, evaluate, next_base
from drift.core.outcome import finding_event, occurrence_outcome
from drift.core.verdict import Judgement, Verdict

A, B = Present({"type": "file", "sha256": "a" * 64}), Present({"type": "file", "sha256": "b" * 64})
DIRECTORY = Present({"type": "directory"})
ORIGIN = Origin("base", "base/resources.yaml", 1)


def desired(*, exhaustive: tuple[str, ...] = (), **states: State) -> DesiredManifest:
    resources = {}
    for name, state in states.items():
        resource = f"file:/etc/{name}"
        attributes = frozenset(state.data) if isinstance(state, Present) else frozenset({"type"})
        resources[resource] = DesiredResource(resource, state, attributes, ORIGIN)
    for directory in exhaustive:
        resource = f"directory:{directory}"
        resources[resource] = DesiredResource(resource, DIRECTORY, frozenset({"type"}), ORIGIN)
    return DesiredManifest(resources, exhaustive)


def seen(states: dict[str, State], listed: Mapping[str, str | None] | None = None) -> Observation:
    return Observation(states, listed=listed or {})


def verdicts(judged: list[Judged]) -> dict[str, str]:
    return {item.resource: item.verdict.value for item in judged}


def test_at_enrolment_base_is_the_head() -> None:
    judged = evaluate(base=None, desired=desired(motd=A), observation=seen({"file:/etc/motd": B}))
    assert verdicts(judged) == {"file:/etc/motd": "drifted"}
    assert next_base(None, judged) == {"file:/etc/motd": A}


def test_base_moves_to_all_of_live_when_live_is_the_head() -> None:
    live = Present({**A.data, "mode": "0600"})
    judged = evaluate(
        base={"file:/etc/motd": B}, desired=desired(motd=A), observation=seen({"file:/etc/motd": live})
    )
    assert verdicts(judged) == {"file:/etc/motd": "in sync"}
    assert next_base({}, judged) == {"file:/etc/motd": live}


def test_base_stays_while_drifted_pending_or_unknown() -> None:
    base: dict[str, State] = {"file:/etc/one": A, "file:/etc/two": A, "file:/etc/three": A}
    judged = evaluate(
        base=base,
        desired=desired(one=A, two=B, three=A),
        observation=seen({"file:/etc/one": B, "file:/etc/two": A, "file:/etc/three": Unknown("denied")}),
    )
    assert verdicts(judged) == {
        "file:/etc/one": "drifted",
        "file:/etc/two": "pending",
        "file:/etc/three": "unknown",
    }
    assert next_base(base, judged) == base


def test_a_resource_the_host_did_not_answer_for_is_unknown_not_absent() -> None:
    judged = evaluate(base={"file:/etc/motd": A}, desired=desired(motd=A), observation=seen({}))
    assert verdicts(judged) == {"file:/etc/motd": "unknown"}
    assert judged[0].judgement.reason == "not asked"


def test_an_undeclared_entry_of_an_exhaustive_directory_is_drift_and_elsewhere_is_nothing() -> None:
    observed: dict[str, State] = {"directory:/etc/d": DIRECTORY, "file:/etc/d/extra": A, "file:/opt/other": A}
    judged = evaluate(base={}, desired=desired(exhaustive=("/etc/d",)), observation=seen(observed))
    assert verdicts(judged)["file:/etc/d/extra"] == "drifted"
    assert verdicts(judged)["file:/opt/other"] == "unmanaged"


def test_an_undeclared_entry_that_is_gone_again_is_in_sync_only_if_the_directory_was_listed() -> None:
    want = desired(exhaustive=("/etc/d",))
    listed = evaluate(
        base={},
        desired=want,
        observation=seen({"directory:/etc/d": DIRECTORY}, {"/etc/d": None}),
        still_open=["file:/etc/d/x"],
    )
    denied = evaluate(
        base={},
        desired=want,
        observation=seen({"directory:/etc/d": Unknown("denied")}, {"/etc/d": "denied"}),
        still_open=["file:/etc/d/x"],
    )
    assert verdicts(listed)["file:/etc/d/x"] == "in sync"
    assert verdicts(denied)["file:/etc/d/x"] == "unknown"


def test_a_declared_path_that_is_live_as_another_kind_is_judged_once() -> None:
    link = Present({"type": "symlink", "target": "/x"})
    observed: dict[str, State] = {
        "directory:/etc": DIRECTORY,
        "file:/etc/motd": link,
        "symlink:/etc/motd": link,
    }
    judged = evaluate(base={}, desired=desired(motd=A, exhaustive=("/etc",)), observation=seen(observed))
    assert [item.resource for item in judged] == ["directory:/etc", "file:/etc/motd"]


def test_an_open_finding_on_a_path_now_declared_as_another_kind_is_unmanaged() -> None:
    link = DesiredResource("symlink:/etc/motd", A, frozenset({"type"}), ORIGIN)
    want = DesiredManifest({"symlink:/etc/motd": link})
    judged = evaluate(
        base={}, desired=want, observation=seen({"symlink:/etc/motd": A}), still_open=["file:/etc/motd"]
    )
    assert verdicts(judged)["file:/etc/motd"] == "unmanaged"


def test_an_open_finding_on_a_resource_nobody_declares_any_more_is_unmanaged() -> None:
    judged = evaluate(
        base={"file:/etc/old": A}, desired=desired(), observation=seen({}), still_open=["file:/etc/old"]
    )
    assert verdicts(judged) == {"file:/etc/old": "unmanaged"}
    assert next_base({}, judged) == {}


def test_an_ignore_rule_hides_and_is_counted_as_hidden() -> None:
    judged = evaluate(
        base={"file:/etc/motd": A},
        desired=desired(motd=A),
        observation=seen({"file:/etc/motd": B}),
        ignore=[IgnoreRule("/etc/motd", "noise", 3)],
    )
    assert judged[0].hidden == "noise"
    assert counts(judged) == {
        "in sync": 0,
        "pending": 0,
        "drifted": 0,
        "conflict": 0,
        "unknown": 0,
        "hidden": 1,
    }


def secret(hmac: str | None) -> Present:
    return Present({"type": "file"} | ({"hmac": hmac} if hmac else {}))


def test_a_secret_file_drifts_when_its_hmac_moves_from_what_the_first_look_agreed() -> None:
    want = DesiredManifest(
        {"file:/s": DesiredResource("file:/s", secret(None), frozenset({"type"}), ORIGIN, how="secret")}
    )
    first = evaluate(base=None, desired=want, observation=seen({"file:/s": secret("1")}))
    assert verdicts(first) == {"file:/s": "in sync"}
    base = next_base(None, first)
    assert verdicts(evaluate(base=base, desired=want, observation=seen({"file:/s": secret("1")}))) == {
        "file:/s": "in sync"
    }
    assert verdicts(evaluate(base=base, desired=want, observation=seen({"file:/s": secret("2")}))) == {
        "file:/s": "drifted"
    }


def judged_as(verdict: Verdict, *, moves: bool = False) -> Judged:
    return Judged("file:/x", Judgement(verdict, base_moves=moves), A, A, A, frozenset())


def test_how_an_occurrence_ends() -> None:
    table = [
        # verdict, base moves, finding's state → outcome
        (Verdict.UNKNOWN, False, "open", None),
        (Verdict.UNKNOWN, False, "committed", None),
        (Verdict.DRIFTED, False, "open", None),
        (Verdict.IN_SYNC, False, "open", "vanished"),
        (Verdict.IN_SYNC, True, "open", "proven"),
        (Verdict.IN_SYNC, True, "committed", "proven"),
        (Verdict.IN_SYNC, False, "committed", "proven"),
        (Verdict.IN_SYNC, False, "decided", "waiting"),
        (Verdict.PENDING, False, "committed", "waiting"),
        (Verdict.PENDING, False, "open", "vanished"),
        (Verdict.IN_SYNC, False, "waived", "vanished"),
        (Verdict.UNMANAGED, False, "open", "unmanaged"),
    ]
    for verdict, moves, state, outcome in table:
        assert occurrence_outcome(judged_as(verdict, moves=moves), finding_state=state) == outcome, (
            verdict,
            state,
        )


def test_a_finding_ends_only_with_its_last_occurrence() -> None:
    assert finding_event(["proven", ""], state="committed") is None
    assert finding_event(["proven", "proven"], state="committed") == "prove"
    assert finding_event(["vanished", "superseded"], state="open") == "supersede"
    assert finding_event(["vanished"], state="open") == "vanish"
    assert finding_event([], state="open") is None


def test_undeclared_is_never_kept_as_base() -> None:
    judged = evaluate(base={}, desired=desired(motd=A), observation=seen({"file:/etc/motd": ABSENT}))
    assert judged[0].base == UNDECLARED and next_base({}, judged) == {}


def with_acl(state: Present, *acl: str) -> Present:
    return Present({**state.data, "acl": list(acl)})


def implying(state: State, *, declares_acl: bool = False) -> DesiredManifest:
    """/etc/motd as the definition gives it: what it doesn't say about access control lists is that there are none."""
    declared = frozenset({"type", "sha256"}) | ({"acl"} if declares_acl else frozenset())
    implied = frozenset({"acl", "capabilities"}) - declared
    want = DesiredResource("file:/etc/motd", state, declared, ORIGIN, implied=implied)
    return DesiredManifest({want.resource: want})


def test_an_access_control_list_on_a_declared_file_is_drift_and_no_conflict() -> None:
    judged = evaluate(
        base={"file:/etc/motd": A},
        desired=implying(A),
        observation=seen({"file:/etc/motd": with_acl(A, "user:ana:rw-")}),
    )
    assert verdicts(judged) == {"file:/etc/motd": "drifted"}


def test_a_base_without_access_control_lists_had_none() -> None:
    judged = evaluate(
        base={"file:/etc/motd": A}, desired=implying(A), observation=seen({"file:/etc/motd": A})
    )
    assert verdicts(judged) == {"file:/etc/motd": "in sync"}
    assert next_base({"file:/etc/motd": A}, judged) == {"file:/etc/motd": A}


def test_taking_an_agreed_access_control_list_away_is_drift_and_declaring_it_proves_a_finding() -> None:
    live = with_acl(A, "user:ana:rw-")
    declared = implying(live, declares_acl=True)
    folded = evaluate(
        base={"file:/etc/motd": A}, desired=declared, observation=seen({"file:/etc/motd": live})
    )
    assert occurrence_outcome(folded[0], finding_state="committed") == "proven"
    base = next_base({"file:/etc/motd": A}, folded)
    taken = evaluate(base=base, desired=declared, observation=seen({"file:/etc/motd": A}))
    assert verdicts(taken) == {"file:/etc/motd": "drifted"}


def test_declaring_an_access_control_list_that_is_not_there_yet_waits_for_a_push() -> None:
    wanted = implying(with_acl(A, "user:ana:rw-"), declares_acl=True)
    judged = evaluate(base={"file:/etc/motd": A}, desired=wanted, observation=seen({"file:/etc/motd": A}))
    assert verdicts(judged) == {"file:/etc/motd": "pending"}
