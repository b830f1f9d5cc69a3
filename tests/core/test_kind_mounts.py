"""Mounts, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.mounts import MOUNTS, parse_fstab, parse_mountinfo
from tests.core.kind_cases import answer, cases, expected, meaning

ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


def mounted(*lines: str, fstab: str = "") -> bytes:
    info = "".join(f"{line}\n" for line in (ROOT, *lines))
    return f"t/mountinfo\0{info}\0000 \0f/./etc/fstab\0{fstab}\0times/\0".encode()


def state(body: bytes, point: str, *attributes: str) -> State:
    survey = ListingSurvey(Question({f"mount:{point}": frozenset(attributes)}), [MOUNTS])
    survey.asks()
    survey.take([Reply(body)])
    return survey.findings().states[f"mount:{point}"]


@pytest.mark.parametrize("case", cases("mounts"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(MOUNTS.parse(answer("mounts", case))) == expected("mounts", case, MOUNTS)


def test_a_mount_that_was_made_read_only_shows_it_and_its_line_in_fstab_does_not() -> None:
    fstab = "/dev/sda2 /srv ext4 noatime 0 2\n"
    before = state(mounted("30 22 8:2 / /srv rw,noatime - ext4 /dev/sda2 rw", fstab=fstab), "/srv")
    for made_so in ("ro,noatime - ext4 /dev/sda2 rw", "rw,noatime - ext4 /dev/sda2 ro"):
        after = state(mounted(f"30 22 8:2 / /srv {made_so}", fstab=fstab), "/srv")
        assert isinstance(before, Present) and isinstance(after, Present)
        assert (before.data["live_options"], after.data["live_options"]) == (
            ["noatime", "rw"],
            ["noatime", "ro"],
        )
        assert before.data["options"] == after.data["options"] == ["noatime"]


def test_of_mounts_over_each_other_the_last_one_counts() -> None:
    found = parse_mountinfo(
        [ROOT, "30 22 8:2 / /srv rw - ext4 /dev/b rw", "31 30 8:3 / /srv rw - xfs /dev/c rw"]
    )
    assert found["/srv"].fstype == "xfs"


def test_the_order_of_options_and_the_white_space_of_fstab_are_no_difference() -> None:
    one, other = (
        parse_fstab("/dev/b /srv ext4 ro,noatime"),
        parse_fstab("/dev/b\t/srv/   ext4\tnoatime,ro 0 0 \n"),
    )
    assert one.entries == other.entries


def test_what_is_left_out_is_seen_where_it_is_declared() -> None:
    body = mounted("24 22 0:22 / /dev/shm rw,nosuid - tmpfs tmpfs rw")
    assert "/dev/shm" not in MOUNTS.parse(body).states
    assert isinstance(state(body, "/dev/shm", "mounted"), Present)
    assert state(body, "/srv", "mounted") == ABSENT


def test_what_is_mounted_in_a_directory_is_unknown_and_its_fstab_is_not() -> None:
    body = answer("mounts", "directory_root")
    assert isinstance(state(body, "/srv", "source", "persisted"), Present)
    why = Unknown("not supported: only a running system can tell")
    assert state(body, "/srv", "mounted") == why
    assert state(body, "/elsewhere", "source") == why


def test_a_password_in_fstab_never_arrives_and_is_counted() -> None:
    listed = MOUNTS.parse(answer("mounts", "a_password_in_fstab"))
    assert "S3cretPassw0rd" not in repr(listed)
    assert listed.redacted == {"/srv/nas": 1, "/srv/dav": 1}


def test_thousands_of_automounts_take_no_time() -> None:
    lines = [f"{n} 22 0:{n} / /a/{n} rw - autofs auto rw" for n in range(5000)]
    assert len(MOUNTS.parse(mounted(*lines)).states) == 1


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    MOUNTS.parse(body)
    MOUNTS.parse(b"t/mountinfo\0" + ROOT.encode() + b"\n" + body + b"\n\0000 \0times/\0")
    MOUNTS.parse(mounted().replace(b"f/./etc/fstab\0", b"f/./etc/fstab\0" + body))


@given(st.text(alphabet="/a \\0127#\t\n\x1b,=", max_size=200))
def test_no_line_of_fstab_brings_what_a_terminal_would_obey(text: str) -> None:
    for point, entry in parse_fstab(text).entries.items():
        assert point.isprintable()
        assert all(str(value).isprintable() for value in entry.values())
