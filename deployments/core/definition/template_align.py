"""How one text became another: which line became which, and where in a changed line what is fixed still stands."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.core.definition.template_trace import Piece

LARGEST_PAIRING = 900
"""Removed times added lines of one hunk, above which they are not paired but replaced."""
MOST_PLACES = 60
"""How often a value may occur in one line."""
_SIMILAR = 0.5
_WORDS = re.compile(r"[\w.-]+|\s+|[^\w\s]")
_WORD = re.compile(r"[\w.-]")


def split_lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def hunks_of(rendered: list[str], wanted: list[str]) -> Iterator[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, rendered, wanted, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield i1, i2, j1, j2


def pair_lines(
    old: list[str], new: list[str], *, alike: bool = True
) -> list[tuple[int, int, str | None, str]]:
    """What became of each line of a hunk: `(first, last, line, new)`.

    With `line` the old line `first` became `new`; without, lines `[first, last)` are replaced by `new` whole.
    Lines that are `alike` are taken for one another.
    """
    pairs = _matching(old, new) if alike and len(old) * len(new) <= LARGEST_PAIRING else []
    found: list[tuple[int, int, str | None, str]] = []
    at, to = 0, 0
    for i, j in [*pairs, (len(old), len(new))]:
        if i - at == j - to:  # as many as before: each became the one in its place, however unlike
            found += [(at + n, at + n + 1, old[at + n], new[to + n]) for n in range(i - at)]
        else:
            found.append((at, i, None, "".join(new[to:j])))
        if i < len(old):
            found.append((i, i + 1, old[i], new[j]))
        at, to = i + 1, j + 1
    return found


def stands_in(value: str, text: str) -> bool:
    """Whether a value stands in a text as a word of its own."""
    return re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\w)", text) is not None


def _matching(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Pairs of lines that are like each other, in order, as much likeness as possible in all."""
    words = [[_WORDS.findall(line) for line in side] for side in (old, new)]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            like = _likeness(words[0][i], words[1][j])
            paired = like + best[i + 1][j + 1] if like >= _SIMILAR else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _likeness(old: list[str], new: list[str]) -> float:
    a, b = [word for word in old if not word.isspace()], [word for word in new if not word.isspace()]
    if not a and not b:
        return 1.0
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


@dataclass(frozen=True)
class Stretch:
    """Plain text of a line, up to the next thing that is fixed. `piece` is None where the source has no text."""

    text: str
    start: int
    piece: Piece | None
    fixed: str = ""
    is_value: bool = False
    before: str = ""
    """The character that stands before it in the line."""


def align(stretches: list[Stretch], new: str) -> list[str] | None:
    """The new text of each stretch, so that the fixed parts stay; None where `new` doesn't hold them."""
    old = "".join(stretch.text + stretch.fixed for stretch in stretches)
    best: dict[int, tuple[int, list[str]]] = {0: (0, [])}
    position = 0
    for number, stretch in enumerate(stretches):
        position += len(stretch.text)
        reached: dict[int, tuple[int, list[str]]] = {}
        last = number == len(stretches) - 1
        for at, (cost, texts) in best.items():
            for end in [len(new)] if last else _places(stretch, stretches[number + 1], new, at):
                if stretch.is_value and _cuts_a_word(stretch.fixed, old, position, new, end):
                    continue
                price = cost + _price(stretch.text, new[at:end])
                to = end + len(stretch.fixed)
                if to not in reached or price < reached[to][0]:
                    reached[to] = (price, [*texts, new[at:end]])
        best = reached
        position += len(stretch.fixed)
    return min(best.values(), key=lambda item: item[0])[1] if best else None


def _price(old: str, new: str) -> int:
    """How much of a text is another one; text that comes from nothing, or goes to nothing, counts a little more."""
    before, after = common(old, new, whole_words=False)
    return len(old) + len(new) - 2 * (before + after) + (bool(old) != bool(new))


def _places(stretch: Stretch, following: Stretch, new: str, at: int) -> list[int]:
    """Where in `new`, from `at` on, the fixed part after a stretch may stand."""
    if stretch.fixed:
        return _occurrences(stretch.fixed, new, at)
    # Nothing can be seen of it: it stays behind text that is unchanged, or before text that is.
    places = {at, len(new), *_occurrences(following.text, new, at)}
    if new.startswith(stretch.text, at):
        places.add(at + len(stretch.text))
    return sorted(places)


def _occurrences(text: str, new: str, at: int) -> list[int]:
    places: list[int] = []
    found = new.find(text, at) if text else -1
    while found >= 0 and len(places) < MOST_PLACES:
        places.append(found)
        found = new.find(text, found + 1)
    return places


def _cuts_a_word(value: str, old: str, position: int, new: str, at: int) -> bool:
    """Whether a value would become a part of a longer word that it was not before: 4 is not in 44."""
    if not value:
        return False
    joined_left = _joins(old[:position][-1:], value[0])
    joined_right = _joins(old[position + len(value) :][:1], value[-1])
    joins_left = _joins(new[:at][-1:], value[0])
    joins_right = _joins(new[at + len(value) :][:1], value[-1])
    return (joins_left and not joined_left) or (joins_right and not joined_right)


def _joins(char: str, other: str) -> bool:
    """Whether a character beside a value's last (or first) one makes them one word."""
    return bool(_WORD.match(char)) and bool(_WORD.match(other)) and (char.isalnum() or other.isdigit())


def common(old: str, new: str, *, whole_words: bool = True) -> tuple[int, int]:
    """How many characters at the beginning and at the end are the same, words not cut where that is asked."""
    limit = min(len(old), len(new))
    before = 0
    while before < limit and old[before] == new[before]:
        before += 1
    after = 0
    while after < limit - before and old[-1 - after] == new[-1 - after]:
        after += 1
    if whole_words:
        while before and _WORD.match(old[before - 1]) and _inside_a_word(old, new, before):
            before -= 1
        while after and _WORD.match(old[-after]) and _inside_a_word(old[::-1], new[::-1], after):
            after -= 1
    return before, after


def _inside_a_word(old: str, new: str, at: int) -> bool:
    return bool(_WORD.match(old[at : at + 1]) or _WORD.match(new[at : at + 1]))
