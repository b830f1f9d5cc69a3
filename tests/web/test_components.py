"""The components say what they mean, escape what hosts say, and need nothing from elsewhere."""

import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string

from common import clock
from web.core.diffs import inline_diff, side_by_side
from web.templatetags.foldback import link_target
from web.views import gallery

ROOT = Path(__file__).resolve().parents[2]
EVIL = '"><script>alert(1)</script>\u202e'
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def draw(text: str, **context: object) -> str:
    return Template("{% load foldback %}" + text).render(Context(context))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_have_no_inline_script_or_style_and_no_outside_address(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style", text)
    assert "//" not in re.sub(r'xmlns="[^"]+"', "", text)


def test_stylesheets_and_scripts_fetch_nothing_from_elsewhere() -> None:
    for path in [*(ROOT / "static/css").iterdir(), *(ROOT / "static/js").iterdir()]:
        text = path.read_text()
        assert "@import" not in text and "http" not in text.replace('"https:"', ""), path


def test_own_files_stay_small_enough_to_read() -> None:
    for path in [*(ROOT / "static/css").iterdir(), *(ROOT / "static/js").iterdir()]:
        assert path.read_text().count("\n") <= 400, path


def test_the_gallery_draws_every_component() -> None:
    page = render_to_string("gallery.html", gallery.samples())
    used = "".join(path.read_text() for path in TEMPLATES)
    for path in (ROOT / "templates/components").iterdir():
        tag = {"spread.html": "{% spread_bar ", "outcomes.html": "{% outcome_bar "}.get(path.name)
        assert (tag or f"components/{path.name}") in used, path.name
    assert "RIGHT-TO-LEFT OVERRIDE" in page and "\u202e" not in page


@pytest.mark.parametrize(
    "template",
    [
        "{{ evil|shown }}",
        "{{ evil|numbers }}",
        "{% person who %}",
        "{% state evil %}",
        "{% verdict evil %}",
        "{% include 'components/copy.html' with text=evil %}",
        "{% include 'components/empty.html' with title=evil text=evil command=evil %}",
        "{% include 'components/diff_inline.html' with rows=rows path=evil %}",
        "{% include 'components/diff_three.html' with rows=three path=evil %}",
    ],
)
def test_what_a_host_says_is_never_markup(template: str) -> None:
    page = draw(
        template,
        evil=EVIL,
        who=SimpleNamespace(name=EVIL, username=EVIL),
        rows=inline_diff("a\n", EVIL + "\n", host_values={EVIL: "a"}),
        three=side_by_side("a\n", EVIL, "b\n"),
        base={}, head={}, live={},
    )  # fmt: skip
    assert "<script>" not in page and '""' not in page.replace('=""', "")
    assert "&lt;script&gt;" in page


def test_a_verdict_has_a_word_beside_its_pattern() -> None:
    chip = draw("{% verdict 'in_sync' 366 %}{% verdict 'drifted' overlay='waived' unexplained=True %}")
    assert "in sync" in chip and "366" in chip
    assert "waived" in chip and ", unexplained" in chip


def test_a_time_carries_its_absolute_value_in_utc() -> None:
    now = clock.now()
    text = draw("{% ago when %}", when=now - timedelta(minutes=12), now=now)
    assert "12 min ago" in text and "UTC" in text
    assert draw("{% ago None %}") == '<span class="faint">never</span>'


def test_counts_are_set_off_and_names_and_denominators_are_not() -> None:
    text = draw("{{ 'On 7 of 12 hosts, web-3 too; 1,204 could not be looked at.'|numbers }}")
    assert re.findall(r"<b[^>]*>([^<]+)</b>", text) == ["7", "1,204"]


def test_help_and_errors_are_tied_to_their_field() -> None:
    form = gallery.wrong_form()
    page = draw("{% for field in form %}{% include 'components/field.html' %}{% endfor %}", form=form)
    for described in re.findall(r'aria-describedby="([^"]+)"', page):
        assert all(f'id="{name}"' in page for name in described.split())
    assert page.count('aria-invalid="true"') == 2


def test_a_bar_shows_even_one_among_thousands() -> None:
    page = draw("{% spread_bar counts %}", counts={"in_sync": 9_999, "conflict": 1})
    assert 'width="0.8%"' in page and "of 10,000 hosts" in page


def test_an_address_that_a_change_links_to_can_be_followed_and_nothing_else() -> None:
    drawn = link_target(["https://t.example/1?a=1&b=<x>", "OPS-1", "javascript:alert(1)"])
    assert drawn.count("<a ") == 1 and 'rel="noopener noreferrer nofollow"' in drawn
    assert 'href="https://t.example/1?a=1&amp;b=&lt;x&gt;"' in drawn
    assert drawn.endswith("OPS-1<br>javascript:alert(1)")
