"""Modules of the kernel, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.kernel_modules import KERNEL_MODULES
from deployments.kinds.listing import ListingSurvey
from tests.core.kind_cases import answer, cases, expected, meaning


def declared(case: str, **wanted: frozenset[str] | None) -> dict[str, State]:
    survey = ListingSurvey(
        Question({f"kernel_module:{name}": attributes for name, attributes in wanted.items()}),
        [KERNEL_MODULES],
    )
    survey.asks()
    survey.take([Reply(answer("modules", case))])
    return {name.partition(":")[2]: state for name, state in survey.findings().states.items()}


LOADED = frozenset({"loaded"})
NEVER = frozenset({"blacklisted"})


@pytest.mark.parametrize("case", cases("modules"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(KERNEL_MODULES.parse(answer("modules", case))) == expected("modules", case, KERNEL_MODULES)


def test_a_module_that_is_nowhere_is_not_loaded_and_not_missing() -> None:
    states = declared("debian_12", wireguard=LOADED, floppy=None)
    assert states["wireguard"] == Present({"loaded": False, "at_boot": False, "blacklisted": False})
    assert states["floppy"] == ABSENT


def test_what_is_built_in_is_loaded_where_it_is_declared_and_not_listed() -> None:
    assert declared("debian_12", overlay=LOADED)["overlay"].data["loaded"] is True  # type: ignore[union-attr]
    assert "overlay" not in KERNEL_MODULES.parse(answer("modules", "debian_12")).states


def test_without_modules_in_the_kernel_only_the_files_can_tell() -> None:
    states = declared("kernel_without_modules", pcspkr=NEVER, floppy=NEVER, br_netfilter=LOADED)
    assert states == {
        "pcspkr": Present({"at_boot": False, "blacklisted": True}),
        "floppy": Present({"at_boot": False, "blacklisted": False}),
        "br_netfilter": Unknown("not supported: a kernel without modules"),
    }


def test_a_module_to_be_loaded_at_boot_is_known_by_the_name_that_the_kernel_shows() -> None:
    states = KERNEL_MODULES.parse(answer("modules", "debian_12")).states
    assert states["br_netfilter"] == Present({"loaded": True, "at_boot": True, "blacklisted": False})
    assert "br-netfilter" not in states


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    KERNEL_MODULES.parse(body)
    KERNEL_MODULES.parse(b"t/loaded\0" + body + b"\n\0000 \0times/\0")
    KERNEL_MODULES.parse(b"t/loaded\0\0000 \0f/./etc/modprobe.d/a.conf\0" + body + b"\0times/\0")


@given(st.text(alphabet="blacklist install/n-_\\\n\t# \x1b", max_size=200))
def test_no_file_brings_a_name_that_a_terminal_would_obey(text: str) -> None:
    body = f"t/loaded\0\0000 \0f/./etc/modprobe.d/a.conf\0blacklist {text}\0f/./etc/modules\0{text}\0times/\0"
    for name in KERNEL_MODULES.parse(body.encode()).states:
        assert name.isprintable() and "-" not in name
