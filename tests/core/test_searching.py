"""What a text search asks for."""

import pytest

from changemgmt.core.searching import MOST_WORDS, as_query
from common.core.errors import Invalid


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("nginx", "'nginx':*"),
        ("web-3", "'web' & '3'"),
        ("/etc/nginx/nginx.conf", "'etc' & 'nginx':* & 'conf':*"),
        ("  Größe — “kaputt” ", "'Größe':* & 'kaputt':*"),
        ("a' | !b:*", "'a' & 'b'"),
        ("x" * 100, f"'{'x' * 60}':*"),
    ],
)
def test_every_word_is_asked_for_a_longer_one_also_as_a_beginning(text: str, query: str) -> None:
    assert as_query(text) == query


@pytest.mark.parametrize("text", ["", " ", "…", "'", "%", " ".join(map(str, range(MOST_WORDS + 1)))])
def test_a_search_without_a_word_or_with_too_many_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        as_query(text)
    assert raised.value.errors[0].pointer == "?q"
