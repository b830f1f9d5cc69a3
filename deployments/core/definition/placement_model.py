"""What placements are made of: the change that was found, one host's part in it, a draft, a finished placement."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from deployments.core.definition.edit import Operation
from deployments.core.definition.merge import layers_for
from deployments.core.definition.model import Declaration, Definition, DesiredResource
from deployments.core.definition.sections import SECTIONS, Section, is_managed, split_resource
from deployments.core.states import ABSENT, UNDECLARED, Absent, Present, State, project
from inventory.core.host_view import HostView

SOURCE_FILE, TEMPLATE, VARIABLE = "edit source file", "edit template", "change variable"
ATTRIBUTE, DECLARE, OVERRIDE, REMOVE = "set attribute", "declare", "override here", "remove"

EACH_HOST = "hosts/*"
"""The layer of a placement that edits the layer of each occurrence's host on its own."""


@dataclass(frozen=True)
class Occurrence:
    """One host that has the change. `base` and `live` are states as observed, with all their attributes.

    `content` is what is in the live file, None where it was not fetched (binary, over the cap, secret); content
    that does not have the digest of `live` was redacted, and is never used. `redacted` is how much was taken out of
    `live` itself because it looked like a secret: then nothing of it is folded. `attributes` are those that count where
    nobody declares the resource (None: all). `base_content` is what was in the file as agreed, None where it isn't known.
    """

    host: HostView
    base: State
    live: State
    content: bytes | None = None
    redacted: int = 0
    attributes: frozenset[str] | None = None
    base_content: bytes | None = None

    def counts(self, state: State) -> State:
        """Of a state what counts where nobody declares it."""
        return state if self.attributes is None else project(state, self.attributes)


@dataclass(frozen=True)
class LiveChange:
    """One distinct change by hand: the resource, and every host that has it."""

    resource: str
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True)
class Placement:
    """One way to say in the definition what the hosts now are.

    `layer` is a layer's name, several joined by " + ", or EACH_HOST. `edits` maps repository paths to new
    contents (None deletes). `safe` is only True when rendering with the edits gave the live state on every
    occurrence; otherwise `why_not` says what stands in the way. `last_resort` marks a rendered text that would
    stop following its template. `takes_back` marks one that decides for what is live where the definition has moved
    too: what it says by now is gone then.
    """

    layer: str
    kind_of_edit: str
    edits: Mapping[str, bytes | None]
    patch: str
    explanation: str
    safe: bool
    why_not: str = ""
    last_resort: bool = False
    takes_back: bool = False

    @property
    def key(self) -> str:
        """Names this placement among those of its change: equal only for equal edits."""
        text = "\0".join((self.layer, self.kind_of_edit, self.patch))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Case:
    """One occurrence beside what the definition says about it now. `head` is the declared state; of what nobody
    declared it is absent in an exhaustive directory, base where its kind is watched, and elsewhere undeclared."""

    resource: str
    occurrence: Occurrence
    desired: DesiredResource | None
    head: State
    merged: bool = False
    """Whether live was replaced by what the definition says with the change by hand in it."""

    @property
    def host(self) -> HostView:
        return self.occurrence.host

    @property
    def live(self) -> State:
        return self.occurrence.live

    @property
    def live_type(self) -> str:
        return str(self.live.data.get("type")) if isinstance(self.live, Present) else "absent"

    @property
    def section(self) -> Section:
        return split_resource(self.resource)[0]

    @property
    def changed(self) -> frozenset[str]:
        """The attributes in which live differs from the definition: declared ones, and of what is only watched any."""
        if not isinstance(self.head, Present) or not isinstance(self.live, Present):
            return frozenset()
        before, after = self.head.data, self.live.data
        counted = self.occurrence.attributes
        watched = frozenset(before.keys() | after.keys()) if counted is None else counted
        names = watched if self.desired is None else self.desired.compared
        return frozenset(name for name in names if before.get(name) != after.get(name))

    @property
    def secret_changed(self) -> bool:
        """The content of a secret path moved since base: told by keyed digests, which no definition has."""
        digests = [
            state.data.get("hmac") if isinstance(state, Present) else None
            for state in (self.occurrence.base, self.live)
        ]
        return None not in digests and digests[0] != digests[1]

    @property
    def is_right(self) -> bool:
        if self.desired is None:
            return self.occurrence.counts(self.head) == self.occurrence.counts(self.live)
        if self.secret_changed:
            return False
        return project(self.live, self.desired.compared) == project(self.head, self.desired.compared)

    @property
    def kind(self) -> str:
        """What has to be said: "right", "absent", "declare", "retype" or "edit"."""
        if self.is_right:
            return "right"
        if isinstance(self.live, Absent):
            return "absent"
        if not isinstance(self.head, Present) or self.desired is None:
            return "declare"
        return "retype" if "type" in self.changed else "edit"

    @property
    def moved(self) -> bool:
        """Whether the definition has moved since base: a conflict, which a fold-back decides for live."""
        if self.desired is None or not isinstance(self.occurrence.base, Present | Absent):
            return False
        wanted = self.desired.compared
        return project(self.occurrence.base, wanted) != project(self.head, wanted)

    @property
    def takes_back(self) -> bool:
        """Whether deciding for live takes back what the definition says by now."""
        return self.moved and not self.merged and self.kind != "right"


@dataclass
class Draft:
    """Edits of a placement before they are tried. `problem` says why they can't be made at all."""

    layer: str
    kind_of_edit: str
    explanation: str
    operations: dict[str, list[Operation]] = field(default_factory=dict)
    """By layer, in order."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    problem: str = ""
    last_resort: bool = False

    def operate(self, layer: str, operation: Operation) -> None:
        """Add an operation once; two that say different things of one place are a problem."""
        there = self.operations.setdefault(layer, [])
        if operation in there:
            return
        if any(other.path == operation.path for other in there):
            self.refuse(f"the hosts would need different values in {layer}/resources.yaml")
        there.append(operation)

    def write(self, path: str, content: bytes | None) -> None:
        if self.files.setdefault(path, content) != content:
            self.refuse(f"the live text is not the same on all hosts, and {path} can hold only one")

    def refuse(self, reason: str) -> None:
        self.problem = self.problem or reason


def key_of(resource: str) -> str:
    """What names the resource in its section: a path, or the name of a package."""
    return resource.partition(":")[2]


def section_of(resource: str) -> str:
    return split_resource(resource)[0].name


def shown(resource: str) -> str:
    """As a sentence names it: `/etc/motd`, `package nginx`."""
    if not is_managed(resource):
        return resource
    section, key = split_resource(resource)
    return key if section.type is not None else f"{section.kind.replace('_', ' ')} {key}"


def section_for_type(live_type: str) -> str | None:
    """The section that declares things of a live type; None for sockets, devices and the like."""
    return next((name for name, section in SECTIONS.items() if section.type == live_type), None)


def declared_in(definition: Definition, layer: str, resource: str) -> Declaration | None:
    """What a layer itself says about a resource."""
    found = definition.layers.get(layer)
    return found.declarations.get(resource) if found else None


def is_exhaustive(exhaustive: Iterable[str], resource: str) -> bool:
    """Whether it is a thing of the file system in one of these directories."""
    section, path = split_resource(resource)
    return section.type is not None and any(
        path.startswith(directory.rstrip("/") + "/") for directory in exhaustive
    )


def beside_watched(
    desired: DesiredResource, occurrence: Occurrence, watched: Iterable[str]
) -> DesiredResource:
    """A declaration together with what it leaves open and its kind is watched for: that is as it was agreed."""
    counted, base, said = occurrence.attributes, occurrence.base, desired.state
    if counted is None or split_resource(desired.resource)[0].kind not in watched:
        return desired
    if not isinstance(base, Present) or not isinstance(said, Present):
        return desired
    more = counted - desired.compared
    agreed = {name: base.data[name] for name in more if name in base.data}
    return replace(desired, state=Present({**agreed, **said.data}), implied=desired.implied | more)


def undeclared_state(
    resource: str,
    exhaustive: Iterable[str],
    watched: Iterable[str] = (),
    base: State = UNDECLARED,
) -> State:
    """What the definition says about a resource that it doesn't declare.

    Of a watched kind, and below a watched root: that it should be as it was at the first look, which the host's base
    tells. In an exhaustive directory nothing else should be.
    """
    if is_exhaustive(exhaustive, resource):
        return ABSENT
    return base if is_watched(resource, watched) else UNDECLARED


def is_watched(resource: str, watched: Iterable[str]) -> bool:
    """Whether it is of one of these kinds, or a thing of the file system below one of these roots."""
    names = tuple(watched)
    return split_resource(resource)[0].kind in names or is_exhaustive(names, resource)


def shared_layers(hosts: Iterable[HostView]) -> list[str]:
    """Layers that all of the hosts have, in the order in which they are worth proposing: a role before a role in
    one environment, then the environment, base last. A host's own layer is shared by no two."""
    chains = [layers_for(host) for host in hosts]
    common = [layer for layer in chains[0] if all(layer in chain for chain in chains)] if chains else []

    def rank(layer: str) -> int:
        parts = layer.split("/")
        return {"roles": 0, "base": 3}.get(parts[0], 1 if "roles" in parts[1:] else 2)

    return sorted((layer for layer in common if not layer.startswith("hosts/")), key=rank)
