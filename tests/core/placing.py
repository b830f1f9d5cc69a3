"""A small definition and its fleet, and changes by hand on it: what the tests of placements share."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deployments.core.definition.model import Definition, DesiredResource
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to
from deployments.core.definition.placement import LiveChange, Occurrence, Placement, placements
from deployments.core.definition.render import desired_resource
from deployments.core.states import ABSENT, Absent, Present, State, project
from inventory.core.host_view import HostView

TREE = {
    "definition.yaml": "format: 1\n",
    "base/resources.yaml": """\
# everywhere
variables: {workers: 4, tls: false, nginx: {timeout: 60, name: "main"}}   # Ben keeps these
files:
  /etc/motd: {content: "Authorised use only\\n"}
  /etc/issue:
    content: |
      hello
      there
    mode: "0644"   # as always
""",
    "environments/prod/resources.yaml": "variables: {upstreams: [a, b]}\n",
    "environments/staging/resources.yaml": "variables: {upstreams: [c]}\n",
    "roles/web/resources.yaml": """\
files:
  # the front door
  /etc/nginx/nginx.conf: {template: nginx.conf.j2, owner: root, group: root, mode: "0644", notify: [nginx]}
  /srv/app/app.ini:      {source: srv/app/app.ini, mode: "0640"}   # by Ana
directories: {/etc/nginx/conf.d: {mode: "0755", exhaustive: true}}
symlinks:    {/etc/nginx/sites-enabled/app: {target: ../sites-available/app}}
""",
    "roles/web/files/srv/app/app.ini": "[app]\nport = 80\nname = x",
    "roles/web/templates/nginx.conf.j2": """\
# nginx for {{ host.name }}
worker_processes {{ workers }};
{% if tls %}
ssl on;
{% endif %}
events {
    worker_connections 1024;
}
http {
    listen {{ listen_ip }}:80;
    server_name {{ host.name }}.example;
    keepalive_timeout {{ nginx.timeout }};
{% for s in upstreams %}
    server {{ s }};
{% endfor %}
}
""",
}
FILES: dict[str, bytes] = {path: text.encode() for path, text in TREE.items()}


DEFINITION = parse_definition(FILES)


def web(number: int, environment: str = "prod") -> HostView:
    variables = {"listen_ip": f"10.0.0.{number}"}
    return HostView(f"web-{number}", environment, ("web",), variables, {}, f"192.168.7.{number}")


WEB = tuple(web(number) for number in range(1, 6))
STAGING = (web(7, "staging"), web(8, "staging"))
DB = HostView("db-1", "prod", ("db",))
FLEET = (*WEB, *STAGING, DB)
NGINX, APP, ISSUE = "file:/etc/nginx/nginx.conf", "file:/srv/app/app.ini", "file:/etc/issue"


def tree(changes: Mapping[str, str]) -> dict[str, bytes]:
    return {**FILES, **{path: text.encode() for path, text in changes.items()}}


def present(content: bytes | None = None, **attributes: Any) -> Present:
    data: dict[str, Any] = {"type": "file", "owner": "root", "group": "root", "mode": "0644", **attributes}
    if content is not None:
        data["sha256"] = hashlib.sha256(content).hexdigest()
    return Present(data)


def seen(host: HostView, live: State, content: bytes | None = None, base: State = ABSENT) -> Occurrence:
    return Occurrence(host, base, live, content)


def edited(
    definition: Definition,
    resource: str,
    hosts: Sequence[HostView],
    edit: Callable[[str, HostView], str],
    **attributes: Any,
) -> LiveChange:
    """Somebody edited the file on these hosts; `edit` makes the new text of the rendered one."""
    occurrences = []
    for host in hosts:
        desired = desired_resource(definition, host, resource)
        assert desired is not None and desired.content is not None
        assert isinstance(desired.state, Present)
        new = edit(desired.content.decode(), host).encode()
        live = present(new, **{"mode": desired.state.data.get("mode", "0644"), **attributes})
        occurrences.append(Occurrence(host, present(desired.content), live, new))
    return LiveChange(resource, tuple(occurrences))


def place(
    change: LiveChange, definition: Definition | None = None, hosts: Sequence[HostView] = FLEET
) -> list[Placement]:
    """The placements, each safe one proved once more by rendering, from nothing but its edits."""
    definition = definition or DEFINITION
    found = placements(definition, definition.files, change, hosts)
    for placement in found:
        assert placement.explanation
        assert placement.safe is not bool(placement.why_not)
        if placement.safe:
            prove(definition, placement, change)
    return found


def prove(definition: Definition, placement: Placement, change: LiveChange) -> None:
    after = parse_definition(apply_to(definition.files, placement.edits), previous=definition)
    kind, _, path = change.resource.partition(":")
    kinds = ("file", "directory", "symlink") if kind in ("file", "directory", "symlink") else (kind,)
    for occurrence in change.occurrences:
        declared = [desired_resource(after, occurrence.host, f"{kind}:{path}") for kind in kinds]
        desired = next((one for one in declared if one is not None), None)
        if isinstance(occurrence.live, Absent):
            assert desired is None or desired.state == ABSENT
            continue
        assert desired is not None
        if project(desired.state, desired.compared) != project(occurrence.live, desired.compared):
            assert not placement.takes_back
            prove_joined(definition, desired, occurrence)
        elif desired.content is not None and occurrence.content is not None:
            assert desired.content == occurrence.content


def prove_joined(definition: Definition, after: DesiredResource, occurrence: Occurrence) -> None:
    """The definition had moved: it keeps what it said, and has what was changed by hand as well."""
    before = desired_resource(definition, occurrence.host, after.resource)
    assert before is not None and isinstance(before.state, Present) and isinstance(after.state, Present)
    base, live = occurrence.base, occurrence.live
    assert isinstance(base, Present) and isinstance(live, Present)
    for name in after.compared:
        was, said, has, says = (state.data.get(name) for state in (base, before.state, live, after.state))
        if was == has:
            assert says == said
        elif was == said:
            assert says == has
        elif isinstance(was, list) and isinstance(has, list) and isinstance(says, list):
            assert set(has) - set(was) <= set(says), "what was added by hand is there"
            assert not (set(was) - set(has)) & set(says), "what was taken out by hand is gone"
        elif name == "sha256":
            assert occurrence.base_content is not None and occurrence.content is not None and after.content
            old, new = (text.splitlines() for text in (occurrence.base_content, occurrence.content))
            assert set(new) - set(old) <= set(after.content.splitlines())
            assert not (set(old) - set(new)) & set(after.content.splitlines())
        else:
            assert isinstance(has, dict) or says == has


def by_layer(found: Sequence[Placement]) -> dict[str, Placement]:
    return {placement.layer: placement for placement in reversed(found)}


def changed(placement: Placement) -> list[str]:
    """The lines taken out and put in, without the names of files."""
    return [
        line
        for line in placement.patch.splitlines()
        if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))
    ]
