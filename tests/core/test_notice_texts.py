"""What a message reads like, and how long it rests after a failure."""

from datetime import timedelta

from changemgmt.core.notices import cut, mail_body, names, one_line, pause_after, slack_body


def test_a_message_of_chat_is_title_text_and_link() -> None:
    body = slack_body(title="CHG-1 is approved", text="by Ben", url="https://foldback.test/changes/CHG-1/")
    assert body == {"text": "*CHG-1 is approved*\nby Ben\n<https://foldback.test/changes/CHG-1/>"}
    assert slack_body(title="a", text="", url="") == {"text": "*a*"}


def test_nothing_that_somebody_typed_becomes_a_link_or_calls_a_whole_channel() -> None:
    text = slack_body(title="<!channel> <https://evil.test|here>", text="@channel @Here & @all @ana", url="")[
        "text"
    ]
    assert "<" not in text and ">" not in text and "&amp;" in text
    assert "@channel" not in text and "@Here" not in text and "@all" not in text and "@ana" in text


def test_mail_says_where_it_comes_from_and_where_to_turn_it_off() -> None:
    body = mail_body(
        text="by Ben", url="https://f.test/changes/CHG-1/", settings_url="https://f.test/channels/"
    )
    assert body.startswith("by Ben\n\nhttps://f.test/changes/CHG-1/\n\n-- \n") and body.endswith(
        "/channels/\n"
    )


def test_titles_are_one_line_and_texts_are_cut() -> None:
    assert one_line(" a\r\nb\u2028c ") == "a b c"
    assert one_line("x" * 400) == "x" * 299 + "…" and cut("x" * 5_000).endswith("…")


def test_hosts_are_named_as_far_as_one_reads() -> None:
    assert names([]) == "" and names(["web-1", "web-2"]) == "web-1, web-2"
    assert names([f"web-{n}" for n in range(1, 43)]) == "web-1, web-2, web-3, web-4, web-5 and 37 more"


def test_pauses_grow_to_an_hour_and_follow_what_the_other_side_asks_for_up_to_that() -> None:
    assert [pause_after(n).total_seconds() for n in (1, 2, 3, 4, 5, 8)] == [15, 60, 240, 960, 3600, 3600]
    assert pause_after(1, asked=90) == timedelta(seconds=90)
    assert pause_after(2, asked=1) == timedelta(seconds=60)
    assert pause_after(1, asked=10**8) == timedelta(hours=1)
