"""Selectors: `role=web env=prod name=web-[1-37] -name=web-9 team=payments`.

A space is "and", a repeated key is "or", `-` excludes, a bare word is a name, `*` is any part of a name and,
alone, every host. Nothing is looked up here: a selector is matched against what a host is.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from inventory.core.name_patterns import MAX_NAMES, NamePattern, SelectorError, parse_pattern
from inventory.core.names import word_problem

__all__ = ["MAX_LENGTH", "Selector", "SelectorError", "parse"]

MAX_LENGTH = 20_000
MAX_PATTERNS = 200
_KEYS = {
    "role": "role",
    "env": "env",
    "environment": "env",
    "team": "team",
    "site": "site",
    "name": "name",
    "host": "name",
}
_KINDS = {"role": "role", "env": "environment", "team": "team", "site": "site"}


@dataclass(frozen=True)
class Selector:
    """Which hosts are meant. An empty field asks nothing; `Selector()` is every host."""

    roles: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    names: tuple[NamePattern, ...] = ()
    not_roles: tuple[str, ...] = ()
    not_environments: tuple[str, ...] = ()
    not_teams: tuple[str, ...] = ()
    not_sites: tuple[str, ...] = ()
    not_names: tuple[NamePattern, ...] = ()

    def matches(
        self, name: str, environment: str, roles: Collection[str], team: str | None, site: str = ""
    ) -> bool:
        """Whether a host with these values is meant; `team` is None and `site` empty for a host without one."""
        if self.environments and environment not in self.environments:
            return False
        if self.roles and not any(role in roles for role in self.roles):
            return False
        if self.teams and team not in self.teams:
            return False
        if self.sites and site not in self.sites:
            return False
        if environment in self.not_environments or team in self.not_teams or site in self.not_sites:
            return False
        if any(role in roles for role in self.not_roles):
            return False
        return self.matches_name(name)

    def matches_name(self, name: str) -> bool:
        """Whether the name alone is meant, whatever else the host is."""
        if self.names and not self._wanted.matches(name):
            return False
        return not self._unwanted.matches(name)

    @cached_property
    def _wanted(self) -> "_Names":
        return _Names.of(self.names)

    @cached_property
    def _unwanted(self) -> "_Names":
        return _Names.of(self.not_names)

    @property
    def canonical(self) -> str:
        """The selector in one order of keys and words; equal selectors read alike, and it parses to itself."""
        return " ".join(self._terms())

    def _terms(self) -> Iterator[str]:
        if not (self.roles or self.environments or self.teams or self.sites or self.names):
            yield "*"
        for sign, roles, environments, teams, sites, names in (
            ("", self.roles, self.environments, self.teams, self.sites, self.names),
            ("-", self.not_roles, self.not_environments, self.not_teams, self.not_sites, self.not_names),
        ):
            yield from (f"{sign}role={role}" for role in roles)
            yield from (f"{sign}env={environment}" for environment in environments)
            yield from (f"{sign}team={team}" for team in teams)
            yield from (f"{sign}site={site}" for site in sites)
            yield from (f"{sign}name={name}" for name in names)

    def __str__(self) -> str:
        return self.canonical


@dataclass(frozen=True)
class _Names:
    """Names as a set and patterns one by one, so that a list of thousands of names is as quick as one."""

    literals: frozenset[str]
    patterns: tuple[NamePattern, ...]

    @classmethod
    def of(cls, patterns: Iterable[NamePattern]) -> "_Names":
        found = list(patterns)
        literals = frozenset(pattern.literal for pattern in found if pattern.literal is not None)
        return cls(literals, tuple(pattern for pattern in found if pattern.literal is None))

    def matches(self, name: str) -> bool:
        return name in self.literals or any(pattern.matches(name) for pattern in self.patterns)


def parse(text: str) -> Selector:
    """Read a selector; raises SelectorError with the position and what to write instead."""
    if len(text) > MAX_LENGTH:
        raise SelectorError(
            f"a selector has at most {MAX_LENGTH:,} characters",
            MAX_LENGTH + 1,
            "Use ranges (web-[1-37]), * or a role instead of a long list of names.",
        )
    words: dict[tuple[str, str], set[str]] = {}
    patterns: dict[str, set[NamePattern]] = {"": set(), "-": set()}
    included = False
    for position, term in _split(text):
        sign, key, value, value_position = _read_term(term, position)
        included = included or not sign
        if key == "name":
            patterns[sign].add(parse_pattern(value, value_position))
        else:
            words.setdefault((sign, key), set()).add(_checked_word(key, value, value_position))
    if not included:
        _refuse_nothing(text)
    _check_size(patterns)

    def chosen(sign: str, key: str) -> tuple[str, ...]:
        return tuple(sorted(words.get((sign, key), ())))

    # "Any name" beside other keys asks nothing, and alone it is Selector()'s own meaning.
    names = () if any(pattern.is_everything for pattern in patterns[""]) else _sorted(patterns[""])
    return Selector(
        roles=chosen("", "role"),
        environments=chosen("", "env"),
        teams=chosen("", "team"),
        sites=chosen("", "site"),
        names=names,
        not_roles=chosen("-", "role"),
        not_environments=chosen("-", "env"),
        not_teams=chosen("-", "team"),
        not_sites=chosen("-", "site"),
        not_names=_sorted(patterns["-"]),
    )


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Terms with the position (from 1) where each begins."""
    start = None
    for index, character in enumerate(text + " "):
        if character.isspace():
            if start is not None:
                yield start + 1, text[start:index]
            start = None
        elif start is None:
            start = index


def _read_term(term: str, position: int) -> tuple[str, str, str, int]:
    sign = "-" if term.startswith("-") else ""
    rest = term[len(sign) :]
    position += len(sign)
    if not rest or rest.startswith("-"):
        raise SelectorError(
            "- excludes what stands right after it", position, "Write -name=web-9 or -web-9, with no space."
        )
    key, equals, value = rest.partition("=")
    if not equals:
        return sign, "name", rest, position
    if key.lower() not in _KEYS:
        raise SelectorError(f"{key!r} is not a key", position, "The keys are role, env, team, site and name.")
    if not value:
        raise SelectorError(
            f"{key}= needs a value",
            position + len(key) + 1,
            f"Write {key}=something, or leave {key}= out to mean any.",
        )
    return sign, _KEYS[key.lower()], value, position + len(key) + 1


def _checked_word(key: str, value: str, position: int) -> str:
    if "*" in value or "[" in value:
        raise SelectorError(
            f"{key}= takes a whole word",
            position,
            f"Only names take * and [1-37]; leave {key}= out to mean any.",
        )
    if "," in value:
        raise SelectorError(
            f"{key}= takes one word", position, f"Repeat it to name several: {key}=a {key}=b means a or b."
        )
    problem = word_problem(_KINDS[key], value)
    if problem:
        raise SelectorError(problem, position, "Check the spelling.")
    return value


def _refuse_nothing(text: str) -> None:
    if text.strip():
        raise SelectorError(
            "this only excludes, and never says which hosts are meant",
            1,
            f"Start from all hosts: * {text.strip()}",
        )
    raise SelectorError(
        "the selector is empty", 1, "Write * to mean every host, or for instance role=web env=prod."
    )


def _check_size(patterns: dict[str, set[NamePattern]]) -> None:
    chosen = patterns[""] | patterns["-"]
    if sum(pattern.literal is None for pattern in chosen) > MAX_PATTERNS:
        raise SelectorError(
            f"there are more than {MAX_PATTERNS} names with * or [ ]",
            1,
            "Join ranges into one, as in web-[1-9,20-37], or select by role.",
        )
    if sum(pattern.count() for pattern in chosen) > MAX_NAMES:
        raise SelectorError(
            f"the ranges make more than {MAX_NAMES:,} names in all",
            1,
            "Use narrower ranges, or * for any name.",
        )


def _sorted(patterns: set[NamePattern]) -> tuple[NamePattern, ...]:
    return tuple(sorted(patterns, key=str))
