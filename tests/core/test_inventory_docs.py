"""docs/inventory.md shows inventories that really import, and messages that are really told."""

import re
from pathlib import Path

import pytest

from inventory.core.imports.plan import InventoryError
from inventory.core.imports.reader import read_inventory
from inventory.core.selectors import parse

PAGE = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text()


def block(kind: str) -> str:
    """The one block of the page with this info string."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize(("kind", "format"), [("yaml", "ansible-yaml"), ("csv", "csv"), ("json", "json")])
def test_the_four_examples_say_the_same(kind: str, format: str) -> None:
    expected = read_inventory(block("ini"), path="hosts", format="ansible-ini").rows
    found = read_inventory(block(kind), path="hosts", format=format).rows
    assert [
        (row.name, {**row.said(), "variables": str(row.variables).replace("'8080'", "8080")}) for row in found
    ] == [(row.name, {**row.said(), "variables": str(row.variables)}) for row in expected]
    assert expected[1].roles == ("web", "cache")


def test_the_broken_example_is_told_as_shown() -> None:
    with pytest.raises(InventoryError) as caught:
        read_inventory(block("broken"), path="hosts.ini")
    assert str(caught.value) == block("told").rstrip("\n")


def test_the_selectors_of_the_table_can_be_read() -> None:
    section = PAGE[PAGE.index("## Selectors") : PAGE.index("## Enrol")]
    written = [
        text
        for line in section.splitlines()
        if line.startswith("| `")
        for text in re.findall(r"`(.+?)`", line.split(" | ")[0])
    ]
    assert len(written) > 6
    for text in written:
        parse(text)
