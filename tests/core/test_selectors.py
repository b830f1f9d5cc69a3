"""The small language for naming hosts."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.core.name_patterns import MAX_NAMES, NamePattern, parse_pattern
from inventory.core.selectors import MAX_LENGTH, Selector, SelectorError, parse

FLEET: list[Any] = [
    ("web-1", "prod", ("web",), "payments", "berlin"),
    ("web-9", "prod", ("web", "cache"), "payments"),
    ("web-37", "prod", ("web",), "search"),
    ("web-38", "staging", ("web",), "search"),
    ("web-01", "staging", ("web",), None),
    ("db-1.eu.example", "prod", ("db",), None),
    ("db-2.us.example", "staging", ("db",), "search"),
]


def chosen(text: str) -> list[str]:
    selector = parse(text)
    return [host[0] for host in FLEET if selector.matches(*host)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", [host[0] for host in FLEET]),
        ("role=web env=prod", ["web-1", "web-9", "web-37"]),
        ("role=web role=db env=staging", ["web-38", "web-01", "db-2.us.example"]),
        ("env=prod env=staging team=payments", ["web-1", "web-9"]),
        ("role=web env=prod name=web-[1-37] -name=web-9 team=payments", ["web-1"]),
        ("site=berlin", ["web-1"]),
        ("env=prod role=web -site=berlin", ["web-9", "web-37"]),
        ("web-1", ["web-1"]),
        ("web-1 web-38", ["web-1", "web-38"]),
        ("web-1 name=web-38", ["web-1", "web-38"]),
        ("web-[1-37]", ["web-1", "web-9", "web-37"]),
        ("web-[01-37]", ["web-37", "web-01"]),
        ("web-[1,9,38]", ["web-1", "web-9", "web-38"]),
        ("web-[1-8,38-40]", ["web-1", "web-38"]),
        ("*.eu.example", ["db-1.eu.example"]),
        ("db-[1-2].*", ["db-1.eu.example", "db-2.us.example"]),
        ("*b-[1-2]*", ["web-1", "db-1.eu.example", "db-2.us.example"]),
        ("* -role=web", ["db-1.eu.example", "db-2.us.example"]),
        ("* -team=search", ["web-1", "web-9", "web-01", "db-1.eu.example"]),
        ("env=prod -role=cache", ["web-1", "web-37", "db-1.eu.example"]),
        ("* -env=prod -db-*", ["web-38", "web-01"]),
        ("environment=staging host=web-38", ["web-38"]),
        ("ROLE=web name=web-1", ["web-1"]),
        ("  role=db\tenv=prod\n", ["db-1.eu.example"]),
        ("web-9999", []),
        ("role=nothing", []),
    ],
)
def test_a_selector_means_these_hosts(text: str, expected: list[str]) -> None:
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "message", "remedy"),
    [
        ("", 1, "empty", "Write *"),
        ("   ", 1, "empty", "Write *"),
        ("-name=web-9", 1, "only excludes", "* -name=web-9"),
        ("role=web colour=red", 10, "'colour' is not a key", "role, env, team, site and name"),
        ("role=", 6, "needs a value", "role=something"),
        ("role=web -env=", 15, "needs a value", "env="),
        ("role=web*", 6, "whole word", "leave role= out"),
        ("env=prod,staging", 5, "one word", "env=a env=b"),
        ("name=web-[1-37", 10, "never closed", "web-[1-37]"),
        ("web-[1-3, 7]", 5, "never closed", "no space"),
        ("web-[a-c]", 6, "not a range", "[1-37]"),
        ("web-[]", 6, "not a range", "[1-37]"),
        ("web-[1-3,x]", 10, "not a range", "[1-37]"),
        ("web-[37-1]", 6, "backwards", "[1-37]"),
        ("web-[1-037]", 6, "zeros only at its end", "[001-037]"),
        ("web-[1-9999999999]", 6, "9 digits", "*"),
        ("web-[1-100001]", 1, "more than 100,000", "narrower"),
        ("a[1-1000]b[1-1000]", 1, "more than 100,000", "narrower"),
        ("a[1-60000] b[1-60000]", 1, "in all", "narrower"),
        (" ".join(f"a{n}*" for n in range(201)), 1, "more than 200 names with * or [ ]", "Join ranges"),
        ("role=web web,db", 13, "',' can't be in a host name", "Repeat the key"),
        ("web]1", 4, "']' can't be", "[1-37]"),
        ('name="web-1"', 6, "can't be in a host name", "letters"),
        ("role=we/b", 6, "role can't be named", "spelling"),
        ("role=web - web-1", 11, "right after it", "no space"),
        ("web --db", 6, "right after it", "-name=web-9"),
        ("=web", 1, "is not a key", "role, env"),
        ("team=" + "a" * 64, 6, "at most 63", "spelling"),
        ("a " * MAX_LENGTH, MAX_LENGTH + 1, "at most 20,000 characters", "ranges"),
    ],
)
def test_an_error_says_where_and_what_to_do(text: str, position: int, message: str, remedy: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)
    assert caught.value.position == position
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert f"(at character {position})" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("*", "*"),
        ("* role=web", "role=web"),
        ("* web-1", "*"),
        ("***", "*"),
        ("team=b env=x role=z role=a -web-9 web-1", "role=a role=z env=x team=b name=web-1 -name=web-9"),
        ("web-[3-5,1-2] web-[3-5,1-2]", "name=web-[1-5]"),
        ("web-[7]", "name=web-7"),
        ("web-[07]x[1]", "name=web-07x1"),
        ("web-[01-03,4]", "name=web-[4,01-03]"),
        ("* -db-*", "* -name=db-*"),
    ],
)
def test_equal_selectors_read_alike(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical


# Property tests

words = st.from_regex(re.compile(r"[a-z0-9][a-z0-9._-]{0,5}", re.ASCII), fullmatch=True).filter(
    lambda word: ".." not in word
)


@st.composite
def spans(draw: Any) -> str:
    low = draw(st.integers(0, 30))
    high = low + draw(st.integers(0, 30))
    width = draw(st.sampled_from([0, 0, 2, 3]))
    texts = [str(number).zfill(width) for number in (low, high)]
    if not width or texts[0].startswith("0"):
        return "-".join(texts)
    return f"{low}-{high}"


ranges = st.lists(spans(), min_size=1, max_size=3).map(lambda items: f"[{','.join(items)}]")
literals = st.sampled_from(["web-", "db", "1", "0", ".eu", "x"])
patterns = st.lists(st.one_of(literals, ranges, st.just("*")), min_size=1, max_size=4).map("".join)
range_patterns = st.lists(st.one_of(literals, ranges), min_size=1, max_size=2).map("".join)
terms = st.one_of(
    st.tuples(st.sampled_from(["role=", "env=", "team=", "-role=", "-env=", "-team="]), words).map("".join),
    st.tuples(st.sampled_from(["", "name=", "-", "-name="]), patterns).map("".join),
)
selectors = st.lists(terms, min_size=1, max_size=6).map(lambda items: " ".join([*items, "env=prod"]))
names = st.text(alphabet="webdx-0123.u", min_size=1, max_size=8)


def naive(pattern: NamePattern) -> re.Pattern[str]:
    """The same meaning by another way: a regular expression with every number written out."""
    parts = []
    for part in pattern.parts:
        if isinstance(part, str):
            parts.append(re.escape(part))
        elif str(part) == "*":
            parts.append(".*")
        else:
            parts.append("(?:" + "|".join(part.texts()) + ")")  # type: ignore[union-attr]
    return re.compile("".join(parts))


@settings(max_examples=25)
@given(range_patterns)
def test_a_pattern_matches_exactly_the_names_its_ranges_make(text: str) -> None:
    pattern = parse_pattern(text)
    made = list(pattern.names())
    assert len(made) == pattern.count() <= MAX_NAMES
    for name in made[:50] + made[-50:]:
        assert pattern.matches(name)
        assert pattern.matches(name + "7") == (name + "7" in made)
        assert not pattern.matches("z" + name)


@settings(max_examples=25)
@given(patterns, names)
def test_matching_agrees_with_every_number_written_out(text: str, name: str) -> None:
    try:
        pattern = parse_pattern(text)
    except SelectorError as error:
        assert "more than" in str(error)  # four wide ranges in a row
        return
    assert pattern.matches(name) == bool(naive(pattern).fullmatch(name))


@settings(max_examples=25)
@given(selectors)
def test_the_canonical_text_reads_back_to_the_same_selector(text: str) -> None:
    try:
        selector = parse(text)
    except SelectorError as error:
        assert "names in all" in str(error) or "more than" in str(error)
        return
    assert parse(selector.canonical) == selector
    for host in FLEET:
        assert parse(selector.canonical).matches(*host) == selector.matches(*host)


@settings(max_examples=25)
@given(st.lists(terms, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_terms_does_not_matter(items: list[str], random: Any) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)

    def read(terms: list[str]) -> Selector | str:
        try:
            return parse(" ".join(terms))
        except SelectorError as error:
            return error.message

    assert read(items) == read(shuffled)


@settings(max_examples=25)
@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_an_error_with_a_place_in_it(text: str) -> None:
    try:
        selector = parse(text)
    except SelectorError as error:
        assert 1 <= error.position <= max(len(text), 1) + 1
        assert error.message and error.remedy
    else:
        assert parse(selector.canonical) == selector


def test_stars_and_ranges_stay_quick_on_a_long_name() -> None:
    pattern = parse_pattern("*[1-9]*[1-9]*[1-9]*[1-9]*[1-9]*x")
    assert not pattern.matches("1" * 253)


def test_thousands_of_names_and_numbers_are_matched_quickly() -> None:
    listed = parse(" ".join(f"h{number}" for number in range(3000)))
    numbered = parse(f"web-[{','.join(str(number) for number in range(0, 7000, 2))}]")
    assert sum(listed.matches_name(f"h{number}") for number in range(10_000)) == 3000
    assert sum(numbered.matches_name(f"web-{number}") for number in range(10_000)) == 3500
