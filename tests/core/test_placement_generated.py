"""Folding back random changes of every kind, in definitions nobody thought of: what is promised of each placement.

`place` proves by rendering that a safe placement gives what is live on every host; here are the other promises.
HYPOTHESIS_EXAMPLES=10000 makes a deep run of it.
"""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.core.definition import yaml_format as formats
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement import LiveChange, Occurrence, Placement
from deployments.core.definition.sections import SECTIONS, WATCHABLE
from deployments.core.states import ABSENT, UNDECLARED, Present, State
from tests.core.placing import WEB, place

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "5"))

names = st.sampled_from(["adm", "www-data", "docker", "ops", "x"])
several = st.lists(names, unique=True, max_size=4)
lines = st.lists(
    st.sampled_from(["0 3 * * * /bin/dump", "@reboot true", "MAILTO=ops", "a: b # c", "- x", "drop", "'q'"]),
    unique=True,
    max_size=4,
)
text = st.sampled_from(["1.22.1-9", "10", "4096 1 2", "x y", "yes", "0x1f", "/dev/sdb1", "it's", "a: b"])
flag = st.booleans()
drop_ins = st.dictionaries(
    st.sampled_from(["a.conf", "b.conf"]),
    st.sampled_from(["[Service]\nX=1\n", "[Service]\n", "x"]),
    max_size=2,
)

VALUES: dict[str, dict[str, Any]] = {
    "packages": {"version": st.sampled_from(["1.22.1-9", "2", "1e3"]), "hold": flag},
    "services": {"enabled": flag, "running": flag, "masked": flag, "drop_ins": drop_ins},
    "sysctl": {"value": text, "persisted": text},
    "users": {
        "uid": st.integers(0, 9), "group": names, "groups": several,
        "home": st.just("/srv/x"), "shell": st.sampled_from(["/bin/sh", ""]), "comment": text,
    },
    "groups": {"gid": st.integers(0, 9), "members": several},
    "cron": {"jobs": lines},
    "mounts": {"source": text, "fstype": names, "options": several, "persisted": flag, "mounted": flag},
    "kernel_modules": {"loaded": flag, "at_boot": flag, "blacklisted": flag},
    "ports": {"process": text},
    "firewall": {"rules": lines},
    "containers": {"image": text, "running": flag},
    "sudoers": {"rules": lines},
    "authorized_keys": {"keys": several},
}  # fmt: skip
KEYS = {
    "packages": ["nginx", "libc6:i386"], "services": ["nginx", "app@1"], "sysctl": ["vm.a", "net.b"],
    "users": ["ana", "ben"], "groups": ["ana", "ops"], "cron": ["ana", "/etc/cron.d/a"],
    "mounts": ["/srv/a", "/srv/b"], "kernel_modules": ["a", "b"],
    "ports": ["tcp/0.0.0.0:80", "tcp/[::]:80"], "firewall": ["nft/inet/filter", "iptables/nat"],
    "containers": ["docker/a", "podman/b"], "sudoers": ["/etc/sudoers", "/etc/sudoers.d/a"],
    "authorized_keys": ["/root/.ssh/authorized_keys", "/home/ana/.ssh/authorized_keys"],
}  # fmt: skip


def test_every_section_is_tried() -> None:
    assert set(VALUES) == set(KEYS) == set(WATCHABLE)
    for name, values in VALUES.items():
        assert values.keys() <= set(SECTIONS[name].in_state)


@st.composite
def written(draw: st.DrawFn, section: str, keys: list[str]) -> list[tuple[str, str]]:
    """The section as lines, each with the key that owns it ("" for those of nobody)."""
    found: list[tuple[str, str]] = [(f"{section}:", "")]
    for key in keys:
        if draw(flag):
            found.append((draw(st.sampled_from(["  # about it", "", "    # deep"])), ""))
        attributes = {name: draw(value) for name, value in VALUES[section].items() if draw(flag)}
        if draw(st.integers(0, 5)) == 0:
            attributes["state"] = "absent"
        why = draw(st.sampled_from(["", "  # why"]))
        if section == "sysctl" and attributes.keys() == {"value"} and draw(flag):
            found.append((f"  {formats.inline(key)}: {formats.inline(attributes['value'])}{why}", key))
        elif not attributes or draw(flag):
            found.append((f"  {formats.inline(key)}: {formats.inline(attributes)}{why}", key))
        else:
            found.append((f"  {formats.inline(key)}:{why}", key))
            for name, value in attributes.items():
                found += [(line, key) for line in draw(block(name, value))]
    return found


@st.composite
def block(draw: st.DrawFn, name: str, value: Any) -> list[str]:
    if isinstance(value, list) and value and draw(flag):
        items: list[str] = []
        for item in value:
            items += ["      # note"] if draw(flag) else []
            items.append(f"      - {formats.inline(item)}{draw(st.sampled_from(['', '  # c']))}")
        return [f"    {name}:", *items]
    return [f"    {name}: {formats.inline(value, key=name)}{draw(st.sampled_from(['', '  # c']))}"]


@st.composite
def states(draw: st.DrawFn, section: str) -> State:
    if draw(st.integers(0, 4)) == 0:
        return ABSENT
    known = SECTIONS[section]
    data = {name: known.in_one_form(name, draw(value)) for name, value in VALUES[section].items()}
    if "persisted" in known.optional and draw(flag):
        del data["persisted"]
    if section == "mounts" and not data["persisted"]:
        data = {name: value for name, value in data.items() if known.optional.get(name, "") is not None}
    return Present(data)


def kept(text: str, placement: Placement, path: str, owned: list[str]) -> bool:
    """Whether the lines that have nothing to do with the change are all there, in order."""
    after = (placement.edits.get(path) or text.encode()).decode()
    remaining = iter(after.split("\n"))
    return all(any(line == other for other in remaining) for line in owned)


@pytest.mark.parametrize("section", WATCHABLE)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_change_of_any_kind_is_folded_back_and_what_it_does_not_touch_stays(
    section: str, data: st.DataObject
) -> None:
    declared = data.draw(st.lists(st.sampled_from(KEYS[section]), unique=True, min_size=1))
    other = data.draw(st.sampled_from(sorted(set(WATCHABLE) - {section})))
    doc = data.draw(written(other, KEYS[other][:1])) + data.draw(written(section, declared))
    doc += [("# the end", "")] if data.draw(flag) else []
    text = "\n".join(line for line, _ in doc) + "\n"
    definition = parse_definition(
        {
            "definition.yaml": f"format: 1\nwatched: [{section}]\n".encode(),
            "base/resources.yaml": text.encode(),
        }
    )
    key = data.draw(st.sampled_from(KEYS[section]))
    live, base = data.draw(states(section)), data.draw(states(section))
    occurrences = tuple(Occurrence(host, data.draw(st.just(base)), live) for host in WEB[:2])
    found = place(LiveChange(SECTIONS[section].resource(key), occurrences), definition)
    assert not found or any(placement.safe for placement in found), [p.why_not for p in found]
    foreign = [line for line, owner in doc if owner != key and (line != f"{section}:" or len(declared) > 1)]
    for placement in found:
        if placement.safe and placement.layer == "base":
            assert kept(text, placement, "base/resources.yaml", foreign), placement.patch
        if placement.safe and placement.layer != "base":
            assert "base/resources.yaml" not in placement.edits


def test_nothing_is_said_of_what_nobody_looked_at() -> None:
    definition = parse_definition({"definition.yaml": b"format: 1\nwatched: [packages]\n"})
    (only,) = place(LiveChange("package:x", (Occurrence(WEB[0], ABSENT, UNDECLARED),)), definition)
    assert not only.safe
