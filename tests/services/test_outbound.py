"""Requests to addresses that somebody typed in, against real servers on loopback (TRUST: the address checked is the
address used, no redirect is followed, nothing inside is reached unless it was allowed by name)."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from common.outbound import Answer, NoAnswer, NotAllowed, NotReached, Resolve, post_json
from tests.receiver import Receiver, certified, closed_port, drip, hang_up, pour, receiver

NAME = "hooks.invalid"  # no resolver knows it


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


def answering(*rounds: Sequence[str]) -> Resolve:
    """A name server that gives other addresses each time it is asked."""
    left = list(rounds)

    def resolve(host: str, port: int) -> Sequence[str]:
        assert host == NAME
        return left.pop(0)

    return resolve


def post(there: Receiver, *addresses: str, scheme: str = "http", **more: object) -> Answer:
    """To the receiver's port under NAME, which stands for `addresses`; allowed by name unless said otherwise."""
    return post_json(
        **{
            "url": f"{scheme}://{NAME}:{there.port}/in",
            "body": {"text": "grüße"},
            "allowed": [NAME],
            "resolve": answering(addresses or ("127.0.0.1",)),
            "seconds": 5.0,
            **more,  # type: ignore[arg-type]
        }
    )


def test_a_name_that_was_allowed_is_reached_at_the_address_that_was_checked(there: Receiver) -> None:
    there.answer = (200, {}, b"ok")
    assert post(there) == Answer(200, None, "ok")
    (got,) = there.got
    # No resolver knows the name, so nobody resolved it a second time; and it is still the name that is asked for.
    assert got.headers["Host"] == f"{NAME}:{there.port}"
    assert got.body.decode() == '{"text": "grüße"}' and got.path == "/in"


def test_no_log_has_the_address_which_is_the_secret(
    there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        post(there, url=f"http://{NAME}:{there.port}/hush-hush")
    assert there.got[0].path == "/hush-hush" and "hush" not in caplog.text


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_a_name_that_stands_for_an_inner_address_is_refused_and_nothing_is_sent(
    there: Receiver, address: str
) -> None:
    with pytest.raises(NotAllowed, match=r"hooks\.invalid stands for"):
        post(there, address, scheme="https", allowed=[])
    assert there.got == []


def test_one_inner_address_among_public_ones_is_enough_to_refuse(there: Receiver) -> None:
    with pytest.raises(NotAllowed):
        post(there, "8.8.8.8", "127.0.0.1", scheme="https", allowed=[])


def test_a_name_that_is_rebound_after_the_check_gains_nothing(there: Receiver) -> None:
    """Asked once: the second answer, with this machine in it, is never asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) > 1 else ["127.0.0.1"]

    assert post(there, resolve=resolve).status == 200
    assert asked == [NAME] and len(there.got) == 1


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
def test_other_writings_of_loopback_are_seen_through(there: Receiver, host: str) -> None:
    with pytest.raises((NotAllowed, NotReached)):
        post_json(url=f"https://{host}:{there.port}/", body={}, allowed=[], seconds=5.0)
    assert there.got == []


def test_an_allowed_name_that_stands_for_metadata_is_refused(there: Receiver) -> None:
    with pytest.raises(NotAllowed, match="metadata"):
        post(there, "169.254.169.254")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(there: Receiver, status: int) -> None:
    there.answer = (status, {"Location": f"http://127.0.0.1:{there.port}/inside"}, b"")
    assert post(there).status == status
    assert [got.path for got in there.got] == ["/in"]


def test_a_proxy_of_the_environment_is_not_used(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert post(there).status == 200


def test_a_second_address_is_tried_where_the_first_can_not_be_reached(there: Receiver) -> None:
    assert post(there, "::1", "127.0.0.1").status == 200  # the receiver listens on 127.0.0.1 only
    assert len(there.got) == 1


def test_where_nobody_listens_nothing_was_sent(there: Receiver) -> None:
    with pytest.raises(NotReached, match="can't be reached"):
        post(there, url=f"http://{NAME}:{closed_port()}/in")


def test_a_name_that_nobody_knows_was_not_reached(there: Receiver) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(NotReached, match="can't be resolved"):
        post(there, resolve=unknown)
    with pytest.raises(NotReached, match="stands for no address"):
        post(there, resolve=lambda host, port: [])


def test_a_connection_that_breaks_after_the_message_is_no_answer_and_it_is_not_sent_again(
    there: Receiver,
) -> None:
    there.instead = hang_up
    with pytest.raises(NoAnswer):
        post(there, "127.0.0.1", "127.0.0.1", "127.0.0.1")
    assert len(there.got) == 1


def test_an_answer_that_drips_ends_when_the_time_is_over(there: Receiver) -> None:
    there.instead = drip
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"1\.5 s"):
        post(there, seconds=1.5)
    assert time.monotonic() - began < 10


def test_an_answer_without_an_end_is_read_only_at_its_beginning(there: Receiver) -> None:
    there.instead = pour
    answer = post(there)
    assert answer.status == 200 and answer.text == "a" * 2_000


def test_when_to_come_back_is_read_only_where_it_is_a_number(there: Receiver) -> None:
    there.answer = (429, {"Retry-After": "30"}, b"slow down")
    assert post(there) == Answer(429, 30, "slow down")
    there.answer = (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b"")
    assert post(there).retry_after is None


def test_over_tls_the_certificate_is_held_against_the_name_not_the_address(tmp_path: Path) -> None:
    server, client = certified(tmp_path, NAME)
    with receiver(context=server) as there:
        assert post(there, scheme="https", context=client).status == 200
        assert there.got[0].headers["Host"] == f"{NAME}:{there.port}"
    server, client = certified(tmp_path, "other.invalid")
    with receiver(context=server) as there:
        with pytest.raises(NotReached, match="certificate"):
            post(there, scheme="https", context=client)
        with pytest.raises(NotReached, match="certificate"):
            post(there, scheme="https")  # nobody whom this machine trusts signed it
        assert there.got == []
