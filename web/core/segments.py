"""The parts of one line of a diff: what changed in it, what belongs to the host, what does not show by itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from web.core.lines import Budget
from web.core.visible import pieces

# A line longer than this is shortened around what changed in it.
LONGEST_LINE = 1_000
_KEPT_BESIDE = 60
_KEPT_MARKED = 400
_LONGEST_WORD = 40
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Segment(NamedTuple):
    """A run of text within a line.

    mark: changed, against the other side. host: the name of the host's own value that it is. note: what an
    unusual character is. skipped: how many characters were left out here (text is then empty).
    kind: "" | "tab" | "trailing" | "control".
    """

    text: str
    mark: bool = False
    host: str = ""
    note: str = ""
    skipped: int = 0
    kind: str = ""


Segments = tuple[Segment, ...]


class HostValues:
    """Finds a host's own values in a line, as whole words only; values of one character are too common to tell."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._names = {value: name for name, value in (values or {}).items() if len(value) > 1}
        options = "|".join(re.escape(value) for value in sorted(self._names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w.-])(?:{options})(?![\w-])") if options else None

    def split(self, segments: Iterable[Segment]) -> Iterator[Segment]:
        for segment in segments:
            if self._pattern is None or segment.skipped:
                yield segment
                continue
            end = 0
            for found in self._pattern.finditer(segment.text):
                if found.start() > end:
                    yield segment._replace(text=segment.text[end : found.start()])
                yield segment._replace(text=found.group(), host=self._names[found.group()])
                end = found.end()
            if end < len(segment.text):
                yield segment._replace(text=segment.text[end:])


NO_VALUES = HostValues()


def whole(line: str, values: HostValues = NO_VALUES, *, mark: bool = False) -> Segments:
    """One line, nothing to compare it with."""
    return _finish([Segment(line, mark)], values)


def against(old: str, new: str, budget: Budget, values: HostValues = NO_VALUES) -> tuple[Segments, Segments]:
    """Two versions of one line with the words that differ marked on both sides."""
    marks_old, marks_new = _marks(old, new, budget)
    return _finish(marks_old, values), _finish(marks_new, values)


def _marks(old: str, new: str, budget: Budget) -> tuple[list[Segment], list[Segment]]:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    head -= _reach(old, head, -1, new, head)
    tail -= _reach(old, len(old) - tail, 1, new, len(new) - tail)
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    parts_old, parts_new = [Segment(old[:head])], [Segment(new[:head])]
    words_old, words_new = _WORD.findall(middle_old), _WORD.findall(middle_new)
    if len(words_old) * len(words_new) > 1 and budget.spend(len(words_old) * len(words_new)):
        matcher = SequenceMatcher(None, words_old, words_new, autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            # A lone space between two marks says nothing, so the marks run through it.
            same = tag == "equal" and not "".join(words_old[i1:i2]).isspace()
            parts_old.append(Segment("".join(words_old[i1:i2]), not same))
            parts_new.append(Segment("".join(words_new[j1:j2]), not same))
    else:
        parts_old.append(Segment(middle_old, True))
        parts_new.append(Segment(middle_new, True))
    parts_old.append(Segment(old[len(old) - tail :]))
    parts_new.append(Segment(new[len(new) - tail :]))
    return _merged(parts_old), _merged(parts_new)


def _common(one: str, other: str) -> int:
    """The length of the common beginning, by halving: fast for a megabyte on one line."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _reach(old: str, at_old: int, step: int, new: str, at_new: int) -> int:
    """How far the edge of a change lies inside a word, so that words are marked whole.

    A very long word (base64, a minified file) is cut after all: the change in it must stay findable.
    """
    reach = 0
    while _inside_word(old, at_old + reach * step) or _inside_word(new, at_new + reach * step):
        reach += 1
        if reach > _LONGEST_WORD:
            return 0
    return reach


def _inside_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and _is_word(text[place - 1]) and _is_word(text[place])


def _is_word(char: str) -> bool:
    return char == "_" or char.isalnum()


def _merged(parts: Iterable[Segment]) -> list[Segment]:
    result: list[Segment] = []
    for part in parts:
        if not part.text:
            continue
        if result and result[-1].mark == part.mark:
            result[-1] = part._replace(text=result[-1].text + part.text)
        else:
            result.append(part)
    return result


def _finish(segments: list[Segment], values: HostValues) -> Segments:
    if sum(len(segment.text) for segment in segments) > LONGEST_LINE:
        segments = list(_shortened(segments))
    return tuple(_drawn(list(values.split(segments))))


def _shortened(segments: list[Segment]) -> Iterator[Segment]:
    room = 4 * LONGEST_LINE  # marked runs beyond this are left out too, and counted
    for index, segment in enumerate(segments):
        keep = min(_KEPT_MARKED, room) if segment.mark or len(segments) == 1 else _KEPT_BESIDE
        before = 0 if index == 0 and not segment.mark and len(segments) > 1 else keep
        after = 0 if index == len(segments) - 1 and not segment.mark else min(keep, _KEPT_BESIDE)
        left_out = len(segment.text) - before - after
        if left_out <= _KEPT_BESIDE:
            yield segment
        else:
            if before:
                yield segment._replace(text=segment.text[:before])
            yield segment._replace(text="", skipped=left_out)
            if after:
                yield segment._replace(text=segment.text[-after:])
        room = max(0, room - keep)


def _drawn(segments: list[Segment]) -> Iterator[Segment]:
    """Give tabs, trailing blanks and invisible characters a segment of their own."""
    for index, segment in enumerate(segments):
        text, trailing = segment.text, ""
        if index == len(segments) - 1:
            text = text.rstrip(" \t")
            trailing = segment.text[len(text) :]
        for piece in pieces(text):
            if piece.note:
                yield segment._replace(text=piece.text, note=piece.note, kind="control")
                continue
            for part in re.split("(\t)", piece.text):
                if part:
                    yield segment._replace(text=part, kind="tab" if part == "\t" else "")
        if trailing:
            yield segment._replace(text=trailing, kind="trailing", note="blank at the end of the line")
        if segment.skipped:
            yield segment
