"""When two drifts are one finding."""

from typing import Any

from deployments.core.states import ABSENT, Present, State
from drift.core.identity import DriftChange, drift_change
from inventory.core.host_view import HostView

BASE, LIVE = (
    Present({"type": "file", "mode": "0644", "sha256": "a" * 64}),
    Present({"type": "file", "mode": "0644", "sha256": "b" * 64}),
)
ALL = frozenset({"type", "mode", "sha256"})


def change(host: str, base_text: str | None, live_text: str | None, **kwargs: Any) -> DriftChange:
    values: dict[str, Any] = {
        "resource": "file:/etc/app.conf",
        "base": BASE,
        "live": LIVE,
        "attributes": ALL,
        "host": HostView(host, "prod", address=kwargs.pop("address", None)),
        "template_values": kwargs.pop("values", {}),
    }
    return drift_change(base_text=base_text, live_text=live_text, **(values | kwargs))


def test_the_same_edit_on_hosts_with_their_own_values_is_one_finding() -> None:
    one = change("web-1", "name web-1\nworkers 4\n", "name web-1\nworkers 64\n", values={"workers": 4})
    two = change("web-2", "name web-2\nworkers 8\n", "name web-2\nworkers 64\n", values={"workers": 8})
    assert one.fingerprint == two.fingerprint
    assert one.summary["hunks"] == [{"removed": ["workers «workers»\n"], "added": ["workers 64\n"]}]


def test_different_edits_are_different_findings() -> None:
    one = change("web-1", "workers 4\n", "workers 64\n")
    two = change("web-2", "workers 4\n", "workers 32\n")
    assert one.fingerprint != two.fingerprint


def test_a_variables_ordinary_value_elsewhere_does_not_split_a_finding() -> None:
    """On web-1 `port` happens to be 64: the added 64 is not the port, since no removed line had it."""
    one = change("web-1", "workers 4\n", "workers 64\n", values={"workers": 4, "port": 64})
    two = change("web-2", "workers 8\n", "workers 64\n", values={"workers": 8, "port": 80})
    assert one.fingerprint == two.fingerprint


def test_a_host_s_own_name_and_address_are_placeholders_wherever_they_stand() -> None:
    one = change("web-1", "a\n", "a\nserver web-1 10.0.0.1;\n", address="10.0.0.1")
    two = change("web-2", "a\n", "a\nserver web-2 10.0.0.2;\n", address="10.0.0.2")
    assert one.fingerprint == two.fingerprint


def test_a_name_inside_another_name_is_left_alone() -> None:
    added = change("web-1", "a\n", "a\nweb-12 web-1.example web-1\n").summary["hunks"][0]["added"]
    assert added == ["web-12 web-1.example «host.name»\n"]


def test_the_same_edit_on_different_revisions_of_a_file_is_one_finding() -> None:
    one = change("web-1", "old header\nlimit 10\n", "old header\nlimit 99\n")
    two = change("web-2", "new header\nlimit 10\n", "new header\nlimit 99\n")
    assert one.fingerprint == two.fingerprint


def test_attributes_are_part_of_the_change() -> None:
    live = Present({"type": "file", "mode": "0600", "sha256": "a" * 64})
    found = change("web-1", "a\n", "a\n", live=live)
    assert found.summary == {"kind": "edited", "attributes": {"mode": ["0644", "0600"]}}
    assert found.fingerprint != change("web-1", "a\n", "b\n").fingerprint


def test_deleted_created_and_replaced_are_told_apart() -> None:
    link: State = Present({"type": "symlink", "target": "/x"})
    kinds = [
        change("web-1", "a\n", None, live=ABSENT).summary["kind"],
        change("web-1", None, "a\n", base=ABSENT).summary["kind"],
        change("web-1", "a\n", None, live=link).summary["kind"],
    ]
    assert kinds == ["deleted", "created", "replaced"]


def test_without_texts_contents_are_told_apart_by_digest() -> None:
    other = Present({**LIVE.data, "sha256": "c" * 64})
    assert change("web-1", None, None).fingerprint != change("web-1", None, None, live=other).fingerprint
    assert change("web-1", None, None).fingerprint == change("web-2", None, None).fingerprint


def test_another_resource_is_another_finding() -> None:
    assert (
        change("a", "1\n", "2\n").fingerprint != change("a", "1\n", "2\n", resource="file:/etc/b").fingerprint
    )
