"""Text stays legible in both themes: the stylesheet's own colours, paired as they are used, meet WCAG AA."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKENS = (ROOT / "static/css/tokens.css").read_text()
THEMES = ("light", "dark")
GROUNDS = ("paper", "sheet", "well")
TEXTS = ("ink", "ink-2", "ink-3")


def token(name: str, theme: str) -> str:
    found = re.search(rf"--{name}:\s*([^;]+);", TOKENS)
    assert found, f"--{name} is not in tokens.css"
    value = " ".join(found[1].split())
    if alias := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return token(alias[1], theme)
    if pair := re.fullmatch(r"light-dark\((#\w+), (#\w+)\)", value):
        return pair[1 + THEMES.index(theme)]
    assert re.fullmatch(r"#\w{6}", value), f"--{name}: {value}"
    return value


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *((text, ground) for text in TEXTS for ground in GROUNDS),
    *(("accent", ground) for ground in (*GROUNDS, "accent-wash")),
    *(("accent-strong", ground) for ground in (*GROUNDS, "accent-wash")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    *(("fault", ground) for ground in (*GROUNDS, "fault-wash")),
    *(("ink", f"verdict-{name}-wash") for name in ("pending", "drifted", "conflict", "unknown")),
    *(("ink-2", f"verdict-{name}-wash") for name in ("pending", "drifted", "conflict", "unknown")),
    *((text, f"diff-{name}") for name in ("removed", "added", "live", "head") for text in TEXTS),
    *(("ink", f"diff-{name}-word") for name in ("removed", "added", "live", "head")),
    ("paper", "ink"),
    ("paper", "ink-2"),
]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_meets_aa_on_its_ground(theme: str, text: str, ground: str) -> None:
    assert contrast(token(text, theme), token(ground, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    "edge",
    [
        "line-strong",
        "accent",
        "fault",
        *(f"verdict-{n}-edge" for n in ("pending", "drifted", "conflict", "unknown")),
    ],
)
def test_what_must_be_seen_beside_text_meets_three_to_one(theme: str, ground: str, edge: str) -> None:
    assert contrast(token(edge, theme), token(ground, theme)) >= 3


def test_verdicts_have_the_colours_that_were_chosen_for_colour_blind_eyes() -> None:
    names = ("pending", "drifted", "conflict", "unknown")
    chosen = [token(f"verdict-{name}", "light") for name in names]
    assert chosen == ["#56b4e9", "#e69f00", "#d55e00", "#8a8f98"]


def test_there_are_five_sizes_and_two_weights() -> None:
    assert len(re.findall(r"--size-\d:", TOKENS)) == 5
    sheets = "".join(path.read_text() for path in (ROOT / "static/css").glob("*.css"))
    assert set(re.findall(r"font-weight: ([^;]+);", sheets)) == {"var(--strong)", "var(--regular)"}


def test_every_token_that_is_used_is_defined() -> None:
    sheets = "".join(path.read_text() for path in (ROOT / "static/css").glob("*.css"))
    defined = set(re.findall(r"(--[\w-]+):", sheets))
    assert set(re.findall(r"var\((--[\w-]+)", sheets)) <= defined
