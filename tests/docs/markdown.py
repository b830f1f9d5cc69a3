"""The documentation as data: pages, headings, links, tables, fenced blocks."""

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(```+)(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(CHECKOUT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        """What `#…` can point to on this page, as Git hosts make it of headings."""
        headings = re.findall(r"^#{1,6} (.+)$", self.prose, re.MULTILINE)
        return {slug(heading) for heading in headings}

    def links(self) -> list[str]:
        return [target for _, target in _LINK.findall(self.prose)]

    def part(self, heading: str) -> str:
        """The text below a heading, up to the next one of its level or above."""
        match = re.search(rf"^(#+) {re.escape(heading)}\n", self.text, re.MULTILINE)
        assert match, f"{self.name} has no heading {heading!r}"
        rest = self.text[match.end() :]
        end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


def slug(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return words.replace(" ", "-")


def rows(text: str) -> list[list[str]]:
    """The cells of every table in `text`, without headers and rules."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [line.strip().strip("|").split("|") for line in table.splitlines()]
        found += [[cell.strip() for cell in line] for line in lines[2:]]
    return found


@cache
def pages() -> tuple[Page, ...]:
    """Every Markdown file of the repository, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split()
    if listed.returncode != 0:  # an export without Git
        names = [
            str(path.relative_to(CHECKOUT))
            for path in [*CHECKOUT.glob("*.md"), *CHECKOUT.joinpath("docs").rglob("*.md")]
        ]
    return tuple(Page(CHECKOUT / name) for name in sorted(names) if (CHECKOUT / name).exists())


def page(name: str) -> Page:
    return Page(CHECKOUT / name)
