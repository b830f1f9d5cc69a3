"""Tags and filters of the console: small marked-up things, each escaped here and drawn by the stylesheet."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from common import clock
from drift.core.change_words import title_of
from drift.models import Finding
from drift.models.scan import SEEN
from web.access import typed_texts
from web.core import finding_text, sentences, spread, times, visible, words
from web.core.icons import ICONS
from web.core.segments import Segment

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon; always beside a word or inside something that is labelled."""
    return format_html(
        '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        ICONS[name],
    )


@register.simple_tag
def mark() -> SafeString:
    """The leaf with its folded corner."""
    return mark_safe(
        '<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        '<path class="leaf" d="M5 2h8.5v8.5H22V19a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3Z"/>'
        '<path class="fold" d="M15 2l7 7h-5.5A1.5 1.5 0 0 1 15 7.5Z"/></svg>'
    )


@register.simple_tag
def verdict(value: str, count: int | None = None, overlay: str = "", unexplained: bool = False) -> SafeString:
    """A verdict chip: patch, word and maybe a count. `overlay` is "waived" or "ignored"."""
    word = words.verdict(value)
    shown = words.verdict(overlay) if overlay else word
    return format_html(
        '<span class="verdict {tone}" title="{meaning}">{swatch}{label}{count}{extra}</span>',
        tone=shown.tone,
        meaning=shown.meaning,
        swatch=_swatch(word.tone, shown.tone if overlay else "", unexplained=unexplained),
        label=shown.label,
        count="" if count is None else format_html(' <span class="count">{}</span>', sentences.number(count)),
        extra=mark_safe('<span class="hidden-visually">, unexplained</span>') if unexplained else "",
    )


def _swatch(tone: str, overlay: str, *, unexplained: bool) -> SafeString:
    names = " ".join(name for name in (overlay, tone, "unexplained" if unexplained else "") if name)
    return format_html('<span class="swatch {}" aria-hidden="true"></span>', names)


@register.simple_tag
def swatch(value: str) -> SafeString:
    """Only the patch, where the word stands beside it anyway."""
    return _swatch(words.verdict(value).tone, "", unexplained=False)


@register.simple_tag
def state(value: str) -> SafeString:
    word = words.state(value)
    return format_html('<span class="state {}" title="{}">{}</span>', word.tone, word.meaning, word.label)


@register.simple_tag
def severity(value: str) -> SafeString:
    """How bad an incident is."""
    return format_html('<span class="severity {}">{}</span>', value, value)


@register.simple_tag(takes_context=True)
def ago(context: Context, when: datetime | None, never: str = "never") -> SafeString:
    """Relative time with the absolute one on hover; both are in the markup. None reads `never`."""
    if not when:
        return format_html('<span class="faint">{}</span>', never)
    now = context.get("now") or clock.now()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        times.machine(when),
        times.absolute(when),
        times.relative(when, now),
    )


@register.simple_tag
def at(when: datetime | None, never: str = "—") -> SafeString:
    """Absolute time in UTC, for reports and audits."""
    if not when:
        return format_html('<span class="faint">{}</span>', never)
    return format_html('<time datetime="{}">{}</time>', times.machine(when), times.absolute(when))


@register.simple_tag
def person(who: Any, role: str = "", nobody: str = "nobody yet") -> SafeString:
    """A person by name (the sign-in name on hover), or the words for there being none."""
    if not who:
        return format_html('<span class="nobody">{}</span>', nobody)
    name = getattr(who, "name", "") or str(who)
    handle = getattr(who, "username", "")
    extra = format_html(' <span class="as">{}</span>', role) if role else ""
    title = format_html(' title="{}"', handle) if handle and handle != name else ""
    return format_html('<span class="person"{}>{}{}</span>', title, name, extra)


@register.filter
def shown(text: object) -> SafeString:
    """Text that a host chose, with everything invisible made visible."""
    return mark_safe("".join(_piece(piece.text, piece.note) for piece in visible.pieces(str(text))))


@register.filter
def shown_lines(text: object) -> SafeString:
    """The same for what may have several lines: paragraphs stay, everything else invisible is shown."""
    lines = str(text).replace("\r\n", "\n").split("\n")
    return mark_safe("<br>".join(shown(line) for line in lines))


def _piece(text: str, note: str) -> str:
    return f'<span class="odd" title="{escape(note)}">{escape(text)}</span>' if note else escape(text)


@register.simple_tag
def link_target(value: str | list[str]) -> SafeString:
    """What a change links to: addresses can be followed, and tell nothing of where somebody comes from."""
    return format_html_join(
        mark_safe("<br>"), "{}", ((_target(one),) for one in ([value] if isinstance(value, str) else value))
    )


def _target(text: str) -> SafeString:
    if not text.startswith(("https://", "http://")):
        return shown(text)
    return format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', text, shown(text))


@register.filter
def numbers(text: object) -> SafeString:
    """The page's first sentence with its counts set off."""
    parts = sentences.number_parts(conditional_escape(str(text)))
    return mark_safe("".join(f'<b class="num">{part}</b>' if is_count else part for is_count, part in parts))


@register.filter
def number(count: int) -> str:
    return sentences.number(count)


@register.filter
def duration(seconds: float | None) -> str:
    return "—" if seconds is None else times.duration(max(0.0, seconds))


@register.simple_tag
def plural(count: int, noun: str, nouns: str = "") -> str:
    return sentences.plural(count, noun, nouns)


@register.simple_tag
def share(part: int, total: int, noun: str, nouns: str = "") -> str:
    return sentences.share(part, total, noun, nouns)


@register.filter
def percent_of(part: int, total: int) -> str:
    return sentences.percent(part, total)


@register.filter
def shortened(names: Iterable[str]) -> str:
    """`web-1, web-2, web-3 and 4 more`."""
    return sentences.shortened(names)


@register.simple_tag
def segments(parts: Iterable[Segment]) -> SafeString:
    """One line of a diff. Called once a line, so it joins by hand; every text is escaped here."""
    return mark_safe("".join(_segment(part) for part in parts))


def _segment(part: Segment) -> str:
    if part.skipped:
        return f'<span class="skipped">··· {part.skipped:,} characters ···</span>'
    names, title = [], ""
    if part.host:
        names.append("own")
        title = f"this host’s {part.host}"
    if part.kind == "control":
        names.append("odd")
    elif part.kind:
        names.append(part.kind)
    if part.note:
        title = part.note
    text = escape(part.text)
    if not part.mark and not names:
        return text
    attributes = f' class="{" ".join(names)}"' if names else ""
    attributes += f' title="{escape(title)}"' if title else ""
    return f"<mark{attributes}>{text}</mark>" if part.mark else f"<span{attributes}>{text}</span>"


@register.filter
def finding_told(finding: Finding) -> str:
    """A finding's change in a few words: `Edited by hand: mode: 0640 → 0666`."""
    return finding_text.told(finding.change, finding.resource)


@register.filter
def resource_title(resource: str) -> SafeString:
    """`Package nginx`, with the name as it stands on the host; a thing of the file system is its id."""
    title = title_of(resource)
    name = format_html('<span class="mono">{}</span>', shown(title.name)) if title.name else ""
    if not title.word:
        return SafeString(name)
    return format_html('<span class="kind">{}</span> {}', title.word, name)


@register.filter
def resource_text(resource: str) -> str:
    """The same as plain text, for titles."""
    return str(title_of(resource))


@register.filter
def looked_at(counts: Mapping[str, Any]) -> str:
    """A finished scan's `23 of 24`."""
    hosts = counts.get("hosts") or {}
    seen = sum(hosts.get(status, 0) for status in SEEN)
    return f"{sentences.number(seen)} of {sentences.number(hosts.get('total', 0))}"


@register.filter
def out_of_band(counts: Mapping[str, Any]) -> str:
    """A finished scan's drift: `16 resources`, or that there was none."""
    resources = counts.get("resources") or {}
    number = resources.get("drifted", 0) + resources.get("conflict", 0)
    return sentences.plural(number, "resource") if number else "none"


@register.filter
def times_told(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count) or sentences.plural(count, "time")


@register.filter
def listed_text(parts: Iterable[str]) -> str:
    """`a, b and c`."""
    return sentences.listed(parts)


@register.filter
def words_of(key: object) -> str:
    """`already_right` → `already right`."""
    return str(key).replace("_", " ")


@register.filter
def report_sentence(report: Any) -> str:
    """What a drift report says, in one line with denominators."""
    total = len(report.scan.hosts)
    hosts = sentences.share(report.hosts, total, "host")
    return sentences.sentence(
        f"{sentences.plural(report.findings, 'finding')} on {hosts}"
        if report.findings
        else f"no drift on the {sentences.share(total - len(report.not_seen), total, 'host')} that could be looked at",
        f"{sentences.plural(len(report.not_seen), 'host')} could not be looked at, wholly or in part"
        if report.not_seen
        else "",
    )


@register.simple_tag
def typed_in(request: HttpRequest) -> list[tuple[str, str]]:
    """What a person typed into a form that was refused before any view saw it."""
    return typed_texts(request)


@register.filter
def coded(text: str) -> SafeString:
    """A text of ours with `commands` in it, set off as code."""
    parts = str(text).split("`")
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", part) if index % 2 else part,) for index, part in enumerate(parts)),
    )


@register.simple_tag
def outcome(name: str, count: int | None = None) -> SafeString:
    """What came of hosts of a scan: patch, word and maybe a count."""
    return _patch(words.OUTCOMES[name], count)


@register.filter
def outcome_word(name: str) -> str:
    return words.OUTCOMES[name].label.capitalize()


@register.simple_tag
def covered(name: str, count: int | None = None) -> SafeString:
    """How much is known of hosts: patch, word and maybe a count."""
    return _patch(words.COVERAGE[name], count)


def _patch(word: words.Word, count: int | None) -> SafeString:
    return format_html(
        '<span class="patch" title="{}"><span class="swatch tone-{}" aria-hidden="true"></span>{}{}</span>',
        word.meaning,
        word.tone,
        word.label,
        "" if count is None else format_html(' <span class="count">{}</span>', sentences.number(count)),
    )


@register.inclusion_tag("components/outcomes.html")
def outcome_bar(counts: Mapping[str, int]) -> dict[str, Any]:
    """A bar of what came of a scan's hosts so far, what is still to come among them; its legend is the table twin."""
    pieces = [
        (words.OUTCOMES[part.verdict].tone, part) for part in spread.parts(counts, tuple(words.OUTCOMES))
    ]
    return {"pieces": pieces, "total": sum(counts.values())}


@register.inclusion_tag("components/spread.html")
def spread_bar(counts: Mapping[str, int], total: int | None = None, noun: str = "host") -> dict[str, Any]:
    """A bar of how `counts` (verdict → number) share `total`, with its legend as the table twin."""
    whole = sum(counts.values()) if total is None else total
    return {"parts": spread.parts(counts), "total": whole, "noun": noun}
