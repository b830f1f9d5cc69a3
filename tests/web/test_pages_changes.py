"""Changes: logged in one field, found again, claimed; decisions approved by whoever may, on exactly what they read."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changemgmt.models import Change
from common import clock
from drift.models import Decision, Finding
from tests.definitions import GitFleet, work
from tests.factories import CAST, host, logged, person, program, proposed, team
from tests.folding import TEMPLATE, approve, begin, carry_out, fixed_by_hand, fold, waive
from tests.web.site import field, fragment, further, page, queries, read, window

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cast() -> None:
    for name in CAST:
        person(name)


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    return begin(settings, tmp_path)


def url(change: Change, more: str = "") -> str:
    change.refresh_from_db()
    return f"/changes/{change.reference}/{more}"


# ---- logging


def test_one_field_and_one_button_log_a_change() -> None:
    mine = window("ana")
    form = mine.get("/changes/log/")
    response = mine.post(
        "/changes/log/", {"title": "raised limits", "external_id": field(form, "external_id")}
    )
    change = Change.objects.get()
    assert response.headers["Location"] == url(change)
    assert (change.title, change.owner, change.owner_source) == ("raised limits", person("ana"), "recorder")
    assert f"Logged as {change.reference}, and yours." in page(mine, url(change))


def test_pressing_the_button_twice_logs_once() -> None:
    mine = window("ana")
    body = {"title": "raised limits", "external_id": field(mine.get("/changes/log/"), "external_id")}
    addresses = {mine.post("/changes/log/", body).headers["Location"] for _ in range(2)}
    assert len(addresses) == 1 and Change.objects.count() == 1


def test_hosts_files_time_and_reason_are_kept_when_they_are_given() -> None:
    for name in ("web-1", "web-2"):
        host(name)
    body = {
        "title": "raised limits",
        "where": "role=web",
        "paths": "/etc/app.conf\r\nsymlink:/srv/app\r\n",
        "when": "2026-03-01T03:12",
        "description": "it was down",
        "kind": "normal",
    }
    window("ana").post("/changes/log/", body)
    change = Change.objects.get()
    assert change.hosts == ["web-1", "web-2"]
    assert change.resources == ["file:/etc/app.conf", "symlink:/srv/app"]
    assert (change.happened_at.isoformat(), change.kind) == ("2026-03-01T03:12:00+00:00", "normal")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("title", " ", "A few words"),
        ("where", "role=[", "role= takes a whole word (at character 6)"),
        ("where", "role=nothing", "Matches no host"),
        ("paths", "no path", "a kind, a colon and a name"),
        ("when", "2099-01-01T00:00", "in the future"),
        ("when", "yesterday", "A time, such as"),
        ("kind", "heroic", "not one of the available choices"),
    ],
)
def test_what_can_not_be_used_is_told_at_its_field_and_nothing_typed_is_lost(
    name: str, value: str, told: str
) -> None:
    host("web-1")
    body = {
        "title": "raised limits",
        "where": "web-1",
        "paths": "/etc/x",
        "description": "a long story",
        name: value,
    }
    response = window("ana").post("/changes/log/", body)
    assert response.status_code in (400, 422)
    text = read(response)
    assert told in text and "Nothing was saved." in text
    assert field(response, "description") == "a long story"
    if name not in ("title", "kind"):
        assert field(response, name) == value and field(response, "title") == "raised limits"
    assert not Change.objects.exists()


def test_the_form_is_filled_from_where_one_came() -> None:
    form = window("ana").get("/changes/log/", {"where": "name=web-1", "paths": "file:/etc/app.conf"})
    assert field(form, "where") == "name=web-1" and field(form, "paths") == "file:/etc/app.conf"


# ---- the list


def test_the_list_is_narrowed_by_host_owner_kind_state_time_and_text() -> None:
    old = clock.now() - timedelta(days=40)
    logged("ana", title="alpha", hosts=["web-1"], happened_at=old)
    logged("ben", title="beta", hosts=["web-2"], kind="standard")
    proposed("ana", title="gamma")
    for query, seen in {
        "": {"alpha", "beta", "gamma"},
        "?q=ALPHA": {"alpha"},
        "?host=web-2": {"beta", "gamma"},
        "?owner=ben": {"beta"},
        "?kind=decision": {"gamma"},
        "?state=logged": {"alpha", "beta"},
        f"?since={(old + timedelta(days=1)).date()}": {"beta", "gamma"},
        f"?until={old.date()}": {"alpha"},
        "?q=zzz": set(),
    }.items():
        text = page(window("dee"), f"/changes/{query}")
        assert {name for name in ("alpha", "beta", "gamma") if name in text} == seen, query


def test_a_date_that_can_not_be_read_is_told_and_the_rest_counts() -> None:
    logged("ana", title="alpha")
    logged("ana", title="beta")
    text = page(window("ana"), "/changes/?since=zzz&q=alpha")
    assert "From: Enter a valid date." in text and "alpha" in text and "beta" not in text


def test_an_empty_list_teaches_and_one_that_is_narrowed_too_far_says_so() -> None:
    assert "No changes yet" in page(window("ana"), "/changes/")
    logged("ana")
    assert "Nothing fits" in page(window("ana"), "/changes/?q=zzz")


def test_the_list_goes_on_by_pages_in_the_order_of_when_it_happened() -> None:
    for number in range(55):
        logged("ana", title=f"change {number:02}", happened_at=clock.now() - timedelta(hours=number))
    mine = window("ana")
    first = mine.get("/changes/")
    assert "change 00" in read(first) and "change 49" in read(first) and "change 50" not in read(first)
    second = mine.get(further(first))
    assert "change 50" in read(second) and "change 54" in read(second)
    assert "change 00" in read(mine.get(further(second, "prev")))


def test_the_list_takes_the_same_number_of_queries_for_any_number_of_changes() -> None:
    logged("ana")
    few = queries(window("ana"), "/changes/")
    for who in ("ana", "ben", "cy"):
        for _ in range(5):
            logged(who)
    assert queries(window("ana"), "/changes/") == few


# ---- one change


def test_a_change_says_whose_it_is_how_that_was_found_and_what_happened_to_it() -> None:
    host("web-1", owned_by=team("storefront", lead="ben"))
    change = logged(
        program("ana", name="ci"), title="deployed 37", selector="web-1", description="two\nlines"
    )
    text = page(window("dee"), url(change))
    assert "Ben answers for it" in text and "leads the team that owns the hosts" in text
    assert "ci, for Ana" in text and "ci (for Ana) logged it" in text
    assert "web-1" in text and "two lines" in text


def test_that_was_me_makes_it_mine_and_is_offered_only_while_somebody_stands_in() -> None:
    host("web-1", owned_by=team("storefront", lead="ben"))
    change = logged(program("cy"), selector="web-1")
    mine = window("ana")
    assert "That was me" in page(mine, url(change))
    assert "That was me" not in page(window("dee"), url(change))
    mine.post(url(change, "claim/"))
    text = page(mine, url(change))
    assert f"{change.reference} is yours now." in text and "said “that was me”" in text
    ben = window("ben")
    ben.post(url(change, "claim/"))
    text = page(ben, url(change))
    assert "was claimed by ana already" in text and "That was me" not in text


def test_a_logged_change_shows_the_findings_that_it_explains(fleet: GitFleet) -> None:
    change = logged("ana", hosts=["web-1"], resources=["file:/etc/app.conf"], happened_at=fleet.now)
    finding = fixed_by_hand(fleet)
    assert f"Explains file:/etc/app.conf {finding.reference}" in page(window("dee"), url(change))


def test_markup_in_what_people_wrote_is_text() -> None:
    evil = '"><script>alert(1)</script>'
    change = logged("ana", title=evil, description=evil, links={"ticket": evil})
    for path in ("/changes/", url(change), "/search/?q=alert"):
        assert "<script>alert" not in window("ben").get(path).content.decode()


# ---- approving


def test_a_decision_is_read_with_patch_effect_and_reason_before_it_is_approved(fleet: GitFleet) -> None:
    change = fold(fixed_by_hand(fleet)).change
    text = page(window("ben"), url(change))
    assert "Ana proposed it lately; it waits for somebody else." in text
    assert "“it keeps checkout up”" in text and TEMPLATE in text
    assert "2 already right: web-1 and web-2" in text and "1 will be changed: web-3" in text
    assert "web-3 file:/etc/app.conf changed" in text
    assert f"asks for your approval of {change.reference}" in text


def test_an_approval_binds_what_was_read(fleet: GitFleet) -> None:
    change = fold(fixed_by_hand(fleet)).change
    ben = window("ben")
    digest = field(ben.get(url(change)), "digest")
    assert digest == change.digest
    response = ben.post(url(change, "approve/"), {"digest": "f" * 64, "comment": "I read another one"})
    assert response.status_code == 409 and "moved since you read it" in read(response)
    assert field(response, "comment") == "I read another one"
    change.refresh_from_db()
    assert change.state == "proposed"
    response = ben.post(url(change, "approve/"), {"digest": digest, "comment": "fine", "next": "/findings/"})
    assert response.headers["Location"] == "/findings/"
    change.refresh_from_db()
    assert change.state == "approved" and change.approvals.get().reason == "fine"


def test_nobody_approves_their_own_even_by_hand_made_requests(fleet: GitFleet) -> None:
    change = fold(fixed_by_hand(fleet), who="ben").change
    text = page(window("ben"), url(change))
    assert f"You can’t approve it: you proposed {change.reference}." in text
    response = window("ben").post(url(change, "approve/"), {"digest": change.digest})
    assert response.status_code == 403 and "Somebody else decides on this" in read(response)
    assert window("ana").post(url(change, "approve/"), {"digest": change.digest}).status_code == 403
    change.refresh_from_db()
    assert change.state == "proposed"


def test_a_refusal_has_a_reason_and_opens_the_finding_again(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    change = fold(finding).change
    ben = window("ben")
    response = ben.post(url(change, "refuse/"), {"digest": change.digest, "comment": " "})
    assert response.status_code == 400 and "Say why you refuse it" in read(response)
    ben.post(url(change, "refuse/"), {"digest": change.digest, "comment": "not like this"})
    work()
    assert Finding.objects.get(pk=finding.pk).state == "open"
    text = page(window("ana"), url(change))
    assert "Ben refused it lately: “not like this”" in text and "asks for your approval" not in text


def test_the_second_to_decide_is_told_who_was_first(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    change = decision.change
    change.refresh_from_db()
    approve(decision)
    response = window("cy").post(url(change, "approve/"), {"digest": change.digest})
    assert response.status_code == 409 and "change.approved by ben" in read(response)


def test_with_four_eyes_off_ones_own_may_be_approved_and_every_page_says_so(
    fleet: GitFleet, settings: Any
) -> None:
    settings.FOUR_EYES = False
    change = fold(fixed_by_hand(fleet), who="ben").change
    ben = window("ben")
    assert "Four eyes are off." in page(ben, "/")
    ben.post(url(change, "approve/"), {"digest": change.digest})
    text = page(ben, url(change))
    assert "approved it lately with four eyes off" in text.lower()


def test_whoever_proposed_it_takes_it_back_and_others_may_not(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    change = fold(finding).change
    window("ben").post(url(change, "withdraw/"))
    change.refresh_from_db()
    assert change.state == "proposed"
    mine = window("ana")
    response = mine.post(url(change, "withdraw/"), {"next": f"/findings/{finding.reference}/"})
    assert response.headers["Location"] == f"/findings/{finding.reference}/"
    assert "is withdrawn, and its findings are open again." in page(mine, f"/findings/{finding.reference}/")


def test_a_proposal_is_computed_anew_on_the_present_definition(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    head = fleet.repository.replace(TEMPLATE, "# {{", "# on {{")
    mine = window("ana")
    mine.post(url(decision.change, "refresh/"))
    assert "stands on the present definition now." in page(mine, url(decision.change))
    assert Decision.objects.get().base_revision == head


def test_a_waiver_is_ended_before_its_date_from_its_page(fleet: GitFleet) -> None:
    finding = fixed_by_hand(fleet)
    decision = waive(finding, until=clock.now() + timedelta(days=9))
    approve(decision)
    mine = window("ana")
    assert "End the waiver now" in page(mine, url(decision.change))
    mine.post(url(decision.change, "end/"), {"reason": "the vendor answered"})
    text = page(mine, url(decision.change))
    assert "The waiver is over" in text and "End the waiver now" not in text
    assert Finding.objects.get(pk=finding.pk).state == "open"


def test_a_carried_out_decision_leads_to_its_commit(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    approve(decision)
    carry_out()
    decision.refresh_from_db()
    response = window("dee").get(url(decision.change))
    assert "it was carried out" in read(response) and "approved it" in read(response)
    assert f"/definition/revisions/{decision.commit}/" in response.content.decode()


def test_the_address_of_a_decision_leads_to_its_change(fleet: GitFleet) -> None:
    decision = fold(fixed_by_hand(fleet))
    response = window("dee").get(f"/decisions/{decision.reference}/")
    assert response.headers["Location"] == url(decision.change)


def test_a_record_decides_nothing_and_can_not_be_withdrawn() -> None:
    change = logged("ana")
    mine = window("ana")
    mine.post(url(change, "withdraw/"))
    assert "logged can't withdraw" in page(mine, url(change))
    refused = mine.post(url(change, "end/"), {"reason": "the vendor answered"})
    assert refused.status_code == 404
    assert "decides on no findings" in read(refused) and "the vendor answered" in read(refused)
    assert fragment(mine, "/changes/CHG-999999/", 404).status_code == 404
