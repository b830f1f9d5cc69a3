"""Making every character that came from a host visible: a file can hide nothing from its reviewer.

Control characters, bidirectional overrides, zero-width and blank-looking characters are
given a written name. The result is still plain text; whoever puts it in a page escapes it.
"""

import unicodedata
from itertools import groupby
from typing import NamedTuple

# Letters and symbols by Unicode's word, which nevertheless draw nothing.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
# Fonts often lack the pictures that Unicode has for these, so they go by their abbreviations.
# Three characters each, in order.
_SHORT = "NULSOHSTXETXEOTENQACKBELBS TABLF VT FF CR SO SI DLEDC1DC2DC3DC4NAKSYNETBCANEM SUBESCFS GS RS US "


class Piece(NamedTuple):
    """A run of text as it is to be shown; `note` says what a character is when it is not an ordinary one."""

    text: str
    note: str = ""


def is_plain(char: str) -> bool:
    return char == "\t" or (char.isprintable() and char not in _BLANKS)


def pieces(text: str) -> list[Piece]:
    """Split `text` into ordinary runs and named pictures of the characters that don't show by themselves."""
    if text.isprintable() and _BLANKS.isdisjoint(text):
        return [Piece(text)] if text else []
    result: list[Piece] = []
    for plain, run in groupby(text, is_plain):
        if plain:
            result.append(Piece("".join(run)))
        else:
            result.extend(picture(char) for char in run)
    return result


def shown(text: str) -> str:
    """The same on one line, for attributes, titles and plain-text exports."""
    return "".join(piece.text for piece in pieces(text))


def picture(char: str) -> Piece:
    """`⟨ESC⟩`, `⟨CR⟩`; a byte that is not UTF-8 → `⟨byte 9F⟩`, a right-to-left override → `⟨U+202E⟩`."""
    code = ord(char)
    if code < 0x20:
        return Piece(f"⟨{_SHORT[3 * code : 3 * code + 3].rstrip()}⟩", f"U+{code:04X} CONTROL CHARACTER")
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogateescape: a byte that could not be decoded
        return Piece(f"⟨byte {code - 0xDC00:02X}⟩", "a byte that is not UTF-8")
    return Piece(f"⟨U+{code:04X}⟩", f"U+{code:04X} {unicodedata.name(char, 'CONTROL CHARACTER')}")
