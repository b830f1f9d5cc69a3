"""The sentence with numbers that every page begins with. Denominators always; what was not looked at, too."""

import re
from collections.abc import Iterable

# A number that stands alone: not the 3 of web-3, a version, an escaped character, or a denominator.
_COUNT = re.compile(r"(?<![\w&#.,:-])(?<!\bof )(\d{1,3}(?:,\d{3})+|\d+)(?![\w-]|[.,:]\d)")


def number(count: int) -> str:
    """`1204` → `1,204`."""
    return f"{count:,}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 finding`, `12 findings`, `1,204 hosts`, `4 policies`; `nouns` where that is not enough."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        nouns = nouns or f"{noun[:-1]}ies"
    return f"{number(count)} {noun if count == 1 else nouns or noun + 's'}"


def share(part: int, total: int, noun: str, nouns: str = "") -> str:
    """`37 of 412 hosts`: never a count without what it was counted in."""
    return f"{number(part)} of {plural(total, noun, nouns)}"


def percent(part: int, total: int) -> str:
    """Rounded towards the middle: 0 % and 100 % are said only when they are true."""
    if total <= 0:
        return "—"
    value = 100 * part / total
    if 0 < value < 1:
        return "<1 %"
    if 99 < value < 100:
        return ">99 %"
    return f"{value:.0f} %"


def listed(parts: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; empty parts are left out."""
    words = [part for part in parts if part]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def shortened(names: Iterable[str], most: int = 3) -> str:
    """`web-1, web-2, web-3 and 4 more`: never more than `most` names, and never a silent cut."""
    everything = list(names)
    if len(everything) <= most + 1:
        return listed(everything)
    return f"{', '.join(everything[:most])} and {number(len(everything) - most)} more"


def sentence(*clauses: str) -> str:
    """Clauses joined by semicolons, with a capital and a full stop; empty ones are left out."""
    text = "; ".join(clause for clause in clauses if clause)
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def not_looked_at(count: int) -> str:
    """`9 hosts could not be looked at`, or nothing."""
    return f"{plural(count, 'host')} could not be looked at" if count else ""


def drift_sentence(*, findings: int, hosts: int, hosts_total: int, unknown: int) -> str:
    """`12 findings on 37 of 412 hosts; 9 hosts could not be looked at.`"""
    if not hosts_total:
        return "No hosts yet, so nothing could drift."
    looked = hosts_total - unknown
    if not findings and not looked:
        return sentence("nothing is known yet", f"none of {plural(hosts_total, 'host')} was looked at lately")
    if not findings:
        clean = f"no drift on the {share(looked, hosts_total, 'host')} that could be looked at"
        return sentence(
            clean if unknown else f"no drift on {plural(hosts_total, 'host')}", not_looked_at(unknown)
        )
    return sentence(
        f"{plural(findings, 'finding')} on {share(hosts, hosts_total, 'host')}", not_looked_at(unknown)
    )


def progress_sentence(*, done: int, total: int, failed: int, noun: str = "host") -> str:
    """`214 of 412 hosts looked at; 3 could not be.`"""
    return sentence(
        f"{share(done, total, noun)} looked at", f"{number(failed)} could not be" if failed else ""
    )


def number_parts(text: str) -> list[tuple[bool, str]]:
    """Split a sentence at its counts: (is a count, text). Numbers inside names are left alone."""
    return [(index % 2 == 1, part) for index, part in enumerate(_COUNT.split(text)) if part]
