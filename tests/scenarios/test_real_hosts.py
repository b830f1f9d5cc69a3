"""Eight real Debian hosts over the REST API: adopt → in sync → an outage by hand → one finding each → folded → proven.

What is done there by hand, and what has to come of it, is in `outage.py`.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from common import clock
from deployments.collector.kit import Kit, install_script
from deployments.core.starter import STARTER
from deployments.repository import DefinitionRepository
from tests.factories import token
from tests.hosts.fleet import RealFleet
from tests.scenarios.outage import FIXES, HOSTS, Fix, break_things, build
from tests.scenarios.stack import Stack, wait_until
from tests.scenarios.test_rest_loop import ok, refused, results, scan

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("definition_path")]

ACCOUNT = "foldback-scan"
PEOPLE = (("ana", "ops"), ("ben", "release-manager"), ("cy", "admin"))


def test_an_outage_on_eight_real_hosts_is_adopted_found_folded_back_and_proven(
    real_fleet: Callable[..., RealFleet], stack: Stack
) -> None:
    fleet = real_fleet(*HOSTS)
    build(fleet.machines)
    ana, ben, cy = begin(stack)
    fleet.register_over_rest(cy)
    adopt(ana, ben)
    in_sync = look(ana)["counts"]
    assert in_sync["hosts"]["ok"] == len(HOSTS), in_sync
    assert {k: v for k, v in in_sync["resources"].items() if v} == {
        "in sync": in_sync["resources"]["in sync"]
    }

    break_things(fleet.machines)
    look(ana)
    fold_all_back(ana, ben, findings_by_fix(ana, FIXES))


def test_an_account_that_can_only_answer_questions_finds_all_but_what_it_may_not_read(
    real_fleet: Callable[..., RealFleet], stack: Stack, tmp_path: Path
) -> None:
    """The same with the scanning account: what is shut to it is unknown, and never clean or drift."""
    fleet = real_fleet(*HOSTS)
    build(fleet.machines)
    key = tmp_path / "scan_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    kit = install_script(Kit(keys=(key.with_suffix(".pub").read_text(),))).encode()
    for machine in fleet.machines.values():
        machine.run("sh -s", stdin=kit)
    ana, ben, cy = begin(stack)
    fleet.register_over_rest(cy, user=ACCOUNT, key=key.read_text())
    adopt(ana, ben)
    before = look(ana)["counts"]["resources"]
    assert before["drifted"] == before["conflict"] == before["pending"] == 0 < before["unknown"], before

    break_things(fleet.machines)
    after = look(ana)["counts"]["resources"]
    assert after["unknown"] >= before["unknown"]
    found = findings_by_fix(ana, [fix for fix in FIXES if not fix.shut])
    # How each of them is folded back is tried above; here what matters is that this account proves each kind.
    kinds = {fix.resource.partition(":")[0]: fix for fix in found}
    fold_all_back(ana, ben, {fix: found[fix] for fix in kinds.values()})


def begin(stack: Stack) -> tuple[httpx.Client, httpx.Client, httpx.Client]:
    """A new installation, with its three people."""
    DefinitionRepository.create(
        settings.DEFINITION_PATH,
        files=STARTER,
        author=("Cy", "cy@shop.example"),
        message="Begin\n",
        when=clock.now(),
    )
    stack.start()
    ana, ben, cy = (stack.client(token(name, name=f"{name}-test", role=role)[1]) for name, role in PEOPLE)
    return ana, ben, cy


def adopt(ana: httpx.Client, ben: httpx.Client, *, hosts: int = len(HOSTS)) -> dict[str, Any]:
    """Ana has the definition written from what is live; Ben reads it, and merges it."""
    begun = ana.post("/definition/adopt/", json={"hosts": "*"})
    assert begun.status_code == 202, begun.text
    url = f"/definition/adopt/{begun.json()['reference']}/"
    planned = wait_until(lambda: in_state(ana, url, "planned"), what="the plan")
    assert planned["hosts"]["seen"] == planned["hosts"]["render_to_live"] == hosts
    ok(ana.post(f"{url}commit/", json={"reason": "What we have, as it is.", "digest": planned["digest"]}))
    proposed = wait_until(
        lambda: (now := in_state(ana, url, "proposed")) and now["commit"] and now, what="the branch"
    )
    merge = {"digest": proposed["digest"]}
    assert refused(ana.post(f"{url}merge/", json=merge)) == 403
    ok(ben.post(f"{url}merge/", json=merge))
    return wait_until(lambda: in_state(ana, url, "merged"), what="the merge")


def look(ana: httpx.Client) -> dict[str, Any]:
    """Look at all hosts, until nobody else's look at one of them came in between: each commit has its own hosts looked at."""
    while (report := scan(ana, "*"))["counts"]["hosts"].get("overtaken"):
        pass
    return report


def in_state(client: httpx.Client, url: str, state: str) -> dict[str, Any] | None:
    found = ok(client.get(url))
    assert found["state"] != "failed", found["problem"]
    return found if found["state"] == state else None


def findings_by_fix(ana: httpx.Client, fixes: Sequence[Fix]) -> Mapping[Fix, str]:
    """The finding of each fix, by its reference: every finding belongs to one, every fix has one, and each says what it
    was and who."""
    found: dict[Fix, str] = {}
    for finding in results(ana.get("/findings/?state=open&limit=200")):
        hosts = sorted(o["host"] for o in results(ana.get(f"/findings/{finding['reference']}/occurrences/")))
        told = f"{finding['resource']} on {hosts}: {finding['summary']}"
        fix = next((f for f in fixes if f.resource == finding["resource"] and sorted(f.hosts) == hosts), None)
        assert fix is not None, f"nobody did this: {told}"
        assert fix not in found, f"found twice: {told}"
        found[fix] = finding["reference"]
    assert [fix for fix in fixes if fix not in found] == []
    for fix, reference in found.items():
        check_states(ana, reference, fix)
        check_person(ana, reference, fix)
    return found


def check_states(ana: httpx.Client, finding: str, fix: Fix) -> None:
    """On each host base and head are what was adopted, and live is what was done."""
    for one in results(ana.get(f"/findings/{finding}/occurrences/")):
        assert one["verdict"] == "drifted", (fix.resource, one)
        live = one["live"]
        if fix.absent:
            assert live == {"value": "absent"}, (fix.resource, live)
        else:
            assert live["value"] == "present", (fix.resource, live)
            assert fix.live.items() <= live["data"].items(), (fix.resource, live)
        assert one["base"] != live and one["head"] != live, (fix.resource, one)


def check_person(ana: httpx.Client, finding: str, fix: Fix) -> None:
    """The right person, or an honest unknown."""
    who = ok(ana.get(f"/findings/{finding}/"))["attribution"]
    assert who["hosts_asked"] == len(fix.hosts), (fix.resource, who)
    if fix.login is None:
        assert who["is_unknown"], (fix.resource, who)
        return
    first = who["candidates"][0]
    assert (first["login"], first["confidence"], first["hosts"]) == (fix.login, "high", len(fix.hosts)), (
        fix.resource,
        who,
    )
    assert first["person"]["username"] == fix.login


def fold_all_back(ana: httpx.Client, ben: httpx.Client, found: Mapping[Fix, str]) -> None:
    """Ana proposes what belongs in one place as one decision, Ben approves it; until each finding is proven."""
    places: dict[str, list[str]] = {}
    for fix, reference in found.items():
        places.setdefault(place_of(ana, reference, fix), []).append(reference)
    for layer, findings in places.items():
        body = {"kind": "fold-back", "findings": findings, "layer": layer, "reason": "It was right."}
        decision = ok(ana.post("/decisions/", json=body))
        approval = {"verdict": "approve", "digest": decision["change"]["digest"]}
        ok(ben.post(f"/changes/{decision['change']['reference']}/approvals/", json=approval))
    wait_until(
        lambda: all(state(ana, reference) in ("committed", "proven") for reference in found.values()),
        seconds=180,
        what="the last commit",
    )
    look(ana)
    assert {fix.resource: name for fix in found if (name := state(ana, found[fix])) != "proven"} == {}


def place_of(ana: httpx.Client, finding: str, fix: Fix) -> str:
    """For several hosts the layer that is advised, for a single one its own."""
    ways = ok(ana.get(f"/findings/{finding}/placements/"))["placements"]
    safe = [str(way["layer"]) for way in ways if way["safe"]]
    assert safe, (finding, ways)
    own = f"hosts/{fix.hosts[0]}"
    return own if len(fix.hosts) == 1 and own in safe else safe[0]


def state(client: httpx.Client, finding: str) -> str:
    return str(ok(client.get(f"/findings/{finding}/"))["state"])
