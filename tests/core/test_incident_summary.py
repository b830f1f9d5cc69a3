"""An incident in Markdown."""

from datetime import UTC, datetime, timedelta

from drift.core.incident_summary import IncidentFacts, Line, Told, plain, summary

BEGAN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
OVER = IncidentFacts(
    reference="INC-7",
    title="checkout is down",
    severity="critical",
    state="closed",
    commander="Ana",
    started_at=BEGAN,
    closed_at=BEGAN + timedelta(hours=2, minutes=13),
    hosts=["web-1", "web-2"],
    selector="role=web",
    description="workers were exhausted",
    timeline=[Line(BEGAN, "Ben", "first\nalert", late=True), Line(BEGAN, "", "SCN-1 looks at 2 hosts")],
    changes=[Told("CHG-4", "raised the limit", "Ana's, logged")],
    findings=[Told("DRF-2", "file:/etc/app.conf edited", "nobody has explained it")],
    not_looked_at=["web-2"],
)


def test_the_summary_tells_all_that_somebody_needs_who_was_not_there() -> None:
    assert summary(OVER, now=BEGAN) == (
        "# INC-7: checkout is down\n\n"
        "- State: closed, severity critical\n"
        "- Commander: Ana\n"
        "- From 2026-03-02 03:00 until 2026-03-02 05:13 (2 h 13 min)\n"
        "- Scope: 2 hosts (web-1, web-2), from `role=web`\n\n"
        "## What it was\n\nworkers were exhausted\n\n"
        "## Timeline (UTC)\n\n"
        "- 2026-03-02 03:00 Ben: first alert (written down later)\n"
        "- 2026-03-02 03:00 SCN-1 looks at 2 hosts\n\n"
        "## Changes\n\n- CHG-4 raised the limit: Ana's, logged\n\n"
        "## Still to reconcile\n\n"
        "- DRF-2 file:/etc/app.conf edited: nobody has explained it\n\n"
        "Not looked at, so nothing is known of them: 1 host (web-2).\n"
    )


def test_an_empty_one_says_so_and_how_long_it_goes_on() -> None:
    text = summary(
        IncidentFacts("INC-8", "x", "major", "open", "Ana", BEGAN, None, []),
        now=BEGAN + timedelta(minutes=5),
    )
    assert "still going on (5 min)" in text
    for said in (
        "Scope: no hosts",
        "Nothing was written down.",
        "No change belongs to it.",
        "Nothing: what was",
    ):
        assert said in text


def test_what_people_and_hosts_wrote_is_never_markup() -> None:
    assert plain("# not a heading [x](http://y) <b>") == r"\# not a heading \[x\](http://y) \<b\>"
    assert plain("- no item\n1. no number\n> no quote") == "\\- no item\n1\\. no number\n\\> no quote"
    text = summary(IncidentFacts("INC-8", "a`b", "major", "open", "Ana", BEGAN, None, [], "x`y"), now=BEGAN)
    assert "`x" not in text
