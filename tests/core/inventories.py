"""Reading an inventory in a test: its rows, or what is told about it."""

from collections.abc import Mapping

import pytest

from inventory.core.imports.plan import HostRow, ImportPlan, InventoryError
from inventory.core.imports.reader import read_inventory


def read(text: str, format: str = "ansible-ini", mapping: Mapping[str, str] | None = None) -> ImportPlan:
    return read_inventory(text, path="hosts", format=format, mapping=mapping)


def host(plan: ImportPlan, name: str) -> HostRow:
    return next(row for row in plan.rows if row.name == name)


def problems(
    text: str | bytes, format: str = "ansible-ini", mapping: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        read_inventory(text, path="hosts", format=format, mapping=mapping)
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]
