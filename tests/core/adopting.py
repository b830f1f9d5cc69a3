"""Hosts for adoptions, as a test says what they show."""

import hashlib
from collections.abc import Mapping
from typing import Any

from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.starter import STARTER
from deployments.core.states import Present, State
from drift.core.adoption import Options, Plan, SeenHost, Text
from drift.core.adoption_check import is_as_live
from drift.core.adoption_plan import plan_adoption
from inventory.core.host_view import HostView

KINDS = ("package", "service", "sysctl", "user", "group", "cron", "mount", "kernel_module", "sudoers")
ROOT = "/etc"


class Shop:
    """Hosts by name, with what each shows. `texts` collects the contents of their files."""

    def __init__(self, definition: Mapping[str, str] | None = None) -> None:
        files = STARTER if definition is None else {name: text.encode() for name, text in definition.items()}
        self.definition = parse_definition(files)
        self.views: dict[str, HostView] = {}
        self.states: dict[str, dict[str, State]] = {}
        self.texts: dict[str, Text] = {}
        self.more: dict[str, dict[str, Any]] = {}

    def host(self, name: str, environment: str = "prod", *roles: str, **more: Any) -> str:
        self.views[name] = HostView(name, environment, roles, **more)
        self.states[name] = {}
        return name

    def file(self, path: str, text: str, *hosts: str, secrets: int = 0, **attributes: str) -> None:
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.texts[digest] = Text(text, secrets)
        data = {"type": "file", "owner": "root", "group": "root", "mode": "0644", "sha256": digest}
        self.put(f"file:{path}", data | attributes, *hosts)

    def put(self, resource: str, data: Mapping[str, Any] | State, *hosts: str) -> None:
        """The same on these hosts (default: all)."""
        for name in hosts or self.views:
            self.states[name][resource] = Present(data) if isinstance(data, Mapping) else data

    def seen(self, name: str) -> SeenHost:
        listed: dict[str, str | None] = {ROOT: None, **{f"{kind}:": None for kind in KINDS}}
        return SeenHost(self.views[name], self.states[name], listed, **self.more.get(name, {}))

    def adopt(self, *hosts: str, **options: Any) -> Plan:
        """Adopt these (default: all) into the definition."""
        chosen = hosts or tuple(self.views)
        return plan_adoption(
            definition=self.definition,
            hosts=[self.seen(name) for name in chosen],
            texts=self.texts,
            others=[view for name, view in self.views.items() if name not in chosen],
            roots=(ROOT,),
            options=Options(**options),
        )


def after(shop: Shop, plan: Plan) -> Any:
    return parse_definition({**shop.definition.files, **plan.edits})


def assert_renders_to_live(shop: Shop, plan: Plan, *hosts: str) -> None:
    """Every host, rendered from the new definition: all that is declared is as it is live, and all that was seen is
    declared or listed as left out, with a reason."""
    made = after(shop, plan)
    for name in hosts or shop.views:
        manifest = desired_manifest(made, shop.views[name])
        live = shop.states[name]
        for resource, wanted in manifest.resources.items():
            assert resource in live, f"{resource} is declared on {name}, which does not have it"
            assert is_as_live(wanted, live[resource]), (
                f"{resource} on {name}: {wanted.state} for {live[resource]}"
            )
        for path in manifest.exhaustive:
            undeclared = {r.partition(":")[2] for r in live} - {
                r.partition(":")[2] for r in manifest.resources
            }
            inside = {key for key in undeclared if key.startswith(f"{path}/")}
            declared = [r.partition(":")[2] for r in manifest.resources]
            assert not {key for key in inside if not any(d.startswith(f"{key}/") for d in declared)}
        left = {one.resource for one in plan.left_out if name in one.hosts and one.reason}
        assert set(live) <= left | set(manifest.resources), name


def said(plan: Plan, layer: str) -> str:
    """What a layer's resources.yaml says, without its first comment; empty where the plan doesn't write it."""
    text = plan.edits.get(f"{layer}/resources.yaml", b"").decode()
    return text.partition("\n\n")[2] if text.startswith("#") else text
