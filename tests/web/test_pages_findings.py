"""The drift inbox, and one finding: what changed, where, since when, who and why."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.models.job import Job
from deployments.core.states import ABSENT, Present, Unknown
from drift.models import Finding
from drift.queries.findings import finding_variants
from drift.services.findings import claim_finding
from inventory.models import Host
from tests.definitions import GitFleet, deliver_events
from tests.factories import CAST, acting, host, logged, person
from tests.folding import approve, begin, carry_out, fixed_by_hand, fold, waive
from tests.web.site import fragment, further, page, queries, read, window
from web.queries.finding_diff import diff_view
from web.queries.finding_progress import progress

pytestmark = pytest.mark.django_db
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    for name in CAST:
        person(name)
    return begin(settings, tmp_path)


@pytest.fixture
def finding(fleet: GitFleet) -> Finding:
    return fixed_by_hand(fleet)


def url(finding: Finding, more: str = "") -> str:
    return f"/findings/{finding.reference}/{more}"


# ---- the inbox


def test_a_card_says_what_where_since_when_and_that_nobody_has_explained_it(finding: Finding) -> None:
    text = page(window("dee"), "/findings/")
    assert "1 finding on 2 of 3 hosts" in text
    assert f"file:/etc/app.conf drifted {finding.reference}" in text
    assert "On 2 of 3 hosts (web-1 and web-2), first seen" in text
    assert "removed: limit 10" in text and "added: limit 99" in text
    assert "Nobody has explained it." in text


def test_a_card_names_the_change_that_explains_it_and_who_claimed_it(fleet: GitFleet) -> None:
    change = logged(
        "ana", title="more room", hosts=["web-1"], resources=["file:/etc/app.conf"], happened_at=fleet.now
    )
    finding = fixed_by_hand(fleet)
    claim_finding(actor=acting("ben"), finding=finding)
    change.refresh_from_db()
    text = page(window("ana"), "/findings/")
    assert f"Explained by {change.reference} more room" in text and "Claimed by Ben" in text
    assert "Nobody has explained it" not in text


def test_a_card_names_who_it_probably_was_where_the_hosts_tell_clearly(finding: Finding) -> None:
    def told(*logins: str, confidence: str = "high") -> str:
        for occurrence, login in zip(finding.occurrences.order_by("host__name"), logins, strict=True):
            occurrence.attribution = {
                "candidates": [{"login": login, "confidence": confidence, "evidence": []}]
            }
            occurrence.save(update_fields=["attribution"])
        return page(window("ana"), "/findings/")

    assert "Probably" not in page(window("ana"), "/findings/")
    assert "Nobody has explained it. Probably deploy" in told("deploy", "deploy")
    assert "Probably ben or deploy" in told("ben", "deploy")
    assert "Probably" not in told("deploy", "deploy", confidence="low")
    told("deploy", "deploy")
    claim_finding(actor=acting("ben"), finding=finding)
    assert "Probably" not in page(window("ana"), "/findings/")


def test_values_of_hosts_are_placeholders_on_a_card(fleet: GitFleet) -> None:
    fixed_by_hand(fleet, old="# web-", new="# host web-", path="/etc/app.conf")
    assert "# host «host.name»" in page(window("ana"), "/findings/")


def test_what_a_file_holds_is_text_and_never_markup(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet, new=EVIL)
    for path in ("/findings/", url(finding), f"/decide/fold-back/?finding={finding.reference}"):
        response = window("ana").get(path)
        assert EVIL not in response.content.decode()
        assert "onerror=alert(1)" in read(response)


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"app", "motd"}),
        ("?q=MOTD", {"motd"}),
        ("?hosts=web-1", {"app"}),
        ("?hosts=name%3Dweb-3+role%3Dweb", {"motd"}),
        ("?explained=yes", {"app"}),
        ("?explained=no", {"motd"}),
        ("?mine=yes", {"app"}),
        ("?state=waived", set()),
        ("?state=all", {"app", "motd"}),
        ("?state=nonsense", {"app", "motd"}),
        ("?q=%00", {"app", "motd"}),
    ],
)
def test_the_inbox_is_narrowed(fleet: GitFleet, query: str, seen: set[str]) -> None:
    logged("ana", hosts=["web-1"], resources=["file:/etc/app.conf"], happened_at=fleet.now)
    fixed_by_hand(fleet)
    fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    text = page(window("ana"), f"/findings/{query}")
    assert {name for name in ("app", "motd") if f"file:/etc/{name}" in text} == seen


def test_a_host_selector_that_can_not_be_read_says_why_and_keeps_the_rest(finding: Finding) -> None:
    response = window("ana").get("/findings/", {"hosts": "role=[", "q": "app", "state": "open"})
    assert "can't be read" in read(response)
    assert 'value="role=["' in response.content.decode() and 'value="app"' in response.content.decode()


def test_nothing_to_decide_nothing_that_fits_and_no_hosts_are_told_apart(fleet: GitFleet) -> None:
    mine = window("ana")
    assert "Nothing to decide" in page(mine, "/findings/")
    assert "Nothing fits" in page(mine, "/findings/?q=zzz")
    assert "No finding is in this state" in page(mine, "/findings/?state=waived")
    Host.objects.all().delete()
    assert "Bring your inventory first" in page(mine, "/findings/")


def test_the_inbox_takes_the_same_number_of_queries_for_any_number_of_findings(fleet: GitFleet) -> None:
    fixed_by_hand(fleet)
    few = queries(window("ana"), "/findings/?state=all")
    for number in range(8):
        fixed_by_hand(fleet, "web-1", path="/etc/motd", old="h", new=f"{number}h")
    logged("ben", hosts=["web-1"], resources=["file:/etc/motd"], happened_at=clock.now())
    deliver_events()
    assert queries(window("ana"), "/findings/?state=all") == few


def test_the_inbox_goes_on_by_pages_newest_first(fleet: GitFleet) -> None:
    now = clock.now()
    for number in range(60):
        Finding.objects.create(
            fingerprint=f"{number:064x}", resource=f"file:/srv/{number:02}", change={"kind": "edited"},
            first_seen_at=now, last_seen_at=now,
        )  # fmt: skip
    mine = window("ana")
    first = mine.get("/findings/")
    assert (
        "25 findings on this page" in read(first)
        and "/srv/59" in read(first)
        and "/srv/34" not in read(first)
    )
    second = mine.get(further(first))
    assert "/srv/34" in read(second) and "/srv/10" in read(second)
    assert "/srv/59" in read(mine.get(further(second, "prev")))


def test_only_open_findings_can_be_picked_and_only_by_those_who_decide(fleet: GitFleet) -> None:
    fold(fixed_by_hand(fleet))
    fixed_by_hand(fleet, "web-3", path="/etc/motd", old="hello", new="bye")
    assert window("ana").get("/findings/?state=all").content.decode().count(" data-pick ") == 1
    seen_by_dee = window("dee").get("/findings/?state=all").content.decode()
    assert " data-pick " not in seen_by_dee and "decision-bar" not in seen_by_dee


# ---- one finding


def test_a_finding_shows_its_diff_its_hosts_and_where_it_stands(finding: Finding) -> None:
    text = page(window("ana"), url(finding))
    assert "Edited by hand on 2 of 3 hosts with the role web; nobody has explained it." in text
    assert "removed: limit 10" in text and "added: limit 99" in text
    assert "as on web-1" in text and "The same edit around values of their own" in text
    assert "Not on web-3." in text
    assert "found proposed approved in the definition proven" in text


def test_the_diff_can_be_read_as_it_is_on_another_host(finding: Finding) -> None:
    assert "# web-2" in page(window("ana"), url(finding, "?host=web-2"))
    assert "# web-1" in page(window("ana"), url(finding, "?host=nowhere"))


def test_in_a_conflict_base_head_and_live_stand_side_by_side(fleet: GitFleet) -> None:
    fleet.repository.replace("roles/web/templates/app.j2", "limit 10", "limit 20")
    fleet.read_head()
    finding = fixed_by_hand(fleet, "web-1")
    text = page(window("ana"), url(finding))
    assert (
        "Edited by hand on 1 of 3 hosts with the role web; in conflict, since the definition moved too"
        in text
    )
    assert (
        "base last agreed" in text
        and "head the definition now" in text
        and "live what the hosts have" in text
    )


def test_a_deleted_file_and_a_new_one_are_told_as_that(fleet: GitFleet) -> None:
    fleet.live["web-1"]["/etc/motd"] = ABSENT
    fleet.look("web-1")
    text = page(window("ana"), url(Finding.objects.get()))
    assert "Deleted by hand on 1 of 3 hosts" in text and "removed: hello" in text
    assert "state present present absent" in text


def test_a_secret_or_unreadable_text_is_said_to_be_missing(fleet: GitFleet) -> None:
    fleet.live["web-1"]["/etc/motd"] = Present({"type": "file", "mode": "0644", "sha256": "d" * 64})
    fleet.look("web-1")
    text = page(window("ana"), url(Finding.objects.get()))
    assert "No text to compare: not text, or larger than we read." in text


def test_a_finding_of_an_attribute_shows_the_attribute(fleet: GitFleet) -> None:
    import hashlib

    digest = hashlib.sha256(str(fleet.live["web-1"]["/etc/app.conf"]).encode()).hexdigest()
    fleet.live["web-1"]["/etc/app.conf"] = Present({"type": "file", "mode": "0666", "sha256": digest})
    fleet.look("web-1")
    assert "mode 0644 0644 0666" in page(window("ana"), url(Finding.objects.get()))


def test_owner_and_mode_are_unfolded_only_where_they_differ(fleet: GitFleet, finding: Finding) -> None:
    unfolded = 'class="fold attributes-fold" open'
    edited = window("ana").get(url(finding)).content.decode()
    assert "attributes-fold" in edited and unfolded not in edited
    variant = finding_variants(finding)[0]
    assert isinstance(variant.live.state, Present)
    laxer = replace(variant.live, state=Present({**variant.live.state.data, "mode": "0666"}))
    assert diff_view(replace(variant, live=laxer), finding.resource).more_differs


def test_without_a_definition_the_finding_is_shown_all_the_same(
    finding: Finding, settings: Any, tmp_path: Path
) -> None:
    settings.DEFINITION_PATH = tmp_path / "gone.git"
    text = page(window("ana"), url(finding))
    assert "removed: limit 10" in text and "web-1" in text
    text = page(window("ana"), f"/decide/fold-back/?finding={finding.reference}")
    assert "There is no definition yet." in text and "Propose it" not in text


def test_claiming_is_one_click_and_the_second_is_told_who_was_first(finding: Finding) -> None:
    ana, ben = window("ana"), window("ben")
    assert "That was me, or I take it" in page(ben, url(finding))
    ana.post(url(finding, "claim/"))
    assert f"{finding.reference} is yours" in page(ana, url(finding))
    ben.post(url(finding, "claim/"))
    assert "Ana claimed" in page(ben, url(finding))
    text = page(ben, url(finding))
    assert "Claimed by Ana" in text and "That was me" not in text
    ana.post(url(finding, "claim/"), {"undo": "yes"})
    finding.refresh_from_db()
    assert finding.claimed_by is None


def test_who_may_not_decide_is_told_why_instead_of_being_offered_it(finding: Finding) -> None:
    text = page(window("dee"), url(finding))
    assert "Your role, auditor, looks on" in text
    assert "Fold back f" not in text and "That was me" not in text


def test_a_proposal_is_approved_in_place_by_another_and_never_offered_to_its_author(finding: Finding) -> None:
    change = fold(finding).change
    change.refresh_from_db()
    ana = page(window("ana"), url(finding))
    assert f"You can’t approve it: you proposed {change.reference}." in ana
    assert "Waits for Ben, Cy" in ana and "Take it back" in ana
    assert window("ana").get(url(finding)).content.count(b"/approve/") == 0
    ben = page(window("ben"), url(finding))
    assert f"Ana asks for your approval of {change.reference}: 1 of 3 hosts will be changed" in ben
    assert "Take it back" not in ben
    dee = page(window("dee"), url(finding))
    assert "You can’t approve it: the role auditor may not approve." in dee and "Take it back" not in dee


def test_after_the_approval_the_page_follows_commit_and_proof(fleet: GitFleet, finding: Finding) -> None:
    decision = fold(finding)
    assert (
        fragment(window("ana"), url(finding, "progress/?state=decided"), 204).headers.get("HX-Refresh")
        is None
    )
    approve(decision)
    moved = fragment(window("ana"), url(finding, "progress/?state=decided"), 204)
    assert moved.headers["HX-Refresh"] == "true"
    assert "Committing to the definition" in read(
        fragment(window("ana"), url(finding, "progress/?state=approved"))
    )
    carry_out()
    text = page(window("ana"), url(finding))
    assert "0 of 2 hosts proven" in text and "Proof scan" in text
    assert fleet.repository.head[:12] in text
    fleet.read_head()
    fleet.look()
    text = page(window("ana"), url(finding))
    assert "In the definition, and proven on 2 hosts by a scan." in text
    assert "1 other host waits for the next push: web-3" in text


def test_a_page_that_was_read_while_the_proof_came_in_asks_once_more(
    fleet: GitFleet, finding: Finding
) -> None:
    decision = fold(finding, layer="roles/web")
    approve(decision)
    carry_out()
    read_before = Finding.objects.get(pk=finding.pk)
    fleet.read_head()
    fleet.look()
    Job.objects.filter(kind="scan").update(state="done")
    read_after = Finding.objects.get(pk=finding.pk)
    assert (read_before.state, read_after.state) == ("committed", "proven")

    decision.refresh_from_db()
    alive = [
        progress(one, decision, now=clock.now(), actor=acting("ana")) for one in (read_before, read_after)
    ]
    assert [one is not None and one.is_alive for one in alive] == [True, False]


def test_a_waived_finding_says_until_when(finding: Finding) -> None:
    approve(waive(finding, until=clock.now() + clock.timedelta(days=9)))
    text = page(window("ana"), url(finding))
    assert "Waived until" in text and "it opens again by itself" in text
    assert "found proposed approved waived" in text


def test_a_finding_that_was_edited_further_leads_to_the_newer_one(fleet: GitFleet, finding: Finding) -> None:
    fleet.edit("web-1", "/etc/app.conf", "limit 99", "limit 111")
    fleet.edit("web-2", "/etc/app.conf", "limit 99", "limit 111")
    fleet.look("web-1", "web-2")
    newer = Finding.objects.exclude(pk=finding.pk).get()
    assert f"Edited further: {newer.reference} stands in its place." in page(window("ana"), url(finding))
    assert f"It stands in the place of {finding.reference}" in page(window("ana"), url(newer))


def test_a_finding_takes_the_same_number_of_queries_on_few_hosts_and_on_many(fleet: GitFleet) -> None:
    few = queries(window("ana"), url(fixed_by_hand(fleet)))
    fleet.hosts |= {f"web-{n}": host(f"web-{n}") for n in range(10, 40)}
    for name in list(fleet.hosts)[3:]:
        fleet.live[name] = fleet.as_defined(name)
    more = [f"web-{n}" for n in range(10, 40)]
    fleet.look(*more)
    finding = fixed_by_hand(fleet, *more, path="/etc/motd", old="hello", new="bye")
    assert queries(window("ana"), url(finding)) <= few


def test_hosts_that_have_it_come_before_hosts_that_had_it(fleet: GitFleet, finding: Finding) -> None:
    fleet.push("web-1")
    fleet.look("web-1")
    text = page(window("ana"), url(finding))
    assert "Edited by hand on 1 of 3 hosts" in text and "as on web-2" in text
    assert text.index("web-2 drifted") < text.index("web-1 vanished")
    assert "On 1 of 3 hosts (web-2)" in page(window("ana"), "/findings/")


def test_all_hosts_of_a_finding_are_listed_by_pages(fleet: GitFleet, finding: Finding) -> None:
    for number in range(230):
        one = host(f"edge-{number:03}")
        finding.occurrences.create(
            host=one,
            verdict="drifted",
            **{key: {"value": "absent"} for key in ("base", "head", "live")},
            first_seen_at=fleet.now,
            last_seen_at=fleet.now,
        )
    mine = window("ana")
    text = page(mine, url(finding))
    assert "and 212 more hosts: all 232" in text and "edge-019" in text and "edge-020 drifted" not in text
    first = mine.get(url(finding, "hosts/"))
    assert "edge-199" in read(first) and "web-1" not in read(first)
    assert "web-1" in read(mine.get(further(first)))


def test_what_could_not_be_looked_at_is_no_verdict_of_a_finding(fleet: GitFleet, finding: Finding) -> None:
    fleet.live["web-1"]["/etc/app.conf"] = Unknown("denied")
    fleet.look("web-1")
    assert "Edited by hand on 2 of 3 hosts" in page(window("ana"), url(finding))


def test_an_unknown_finding_is_a_page_that_says_so(fleet: GitFleet) -> None:
    for name in ("DRF-999999", "CHG-1", "zzz", "DRF-99999999999999999999"):
        assert "Not here" in page(window("ana"), f"/findings/{name}/", 404)
