"""A whole adoption: from what hosts showed to files of a definition, proven by rendering them for every host.

What does not render to live is said at the host instead; what does not even then is left out, with the reason. So what
remains is right by trial and not by argument.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deployments.core.definition.merge import layers_for, merge
from deployments.core.definition.model import DEFINITION_FILE, Definition
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to
from deployments.core.definition.render import template_context
from deployments.core.definition.sections import KIND_TO_SECTION, SECTIONS, WATCHABLE
from deployments.core.states import Present, canonical_json
from drift.core.adoption import CONTENT, Content, Note, Options, Plan, SeenHost, Text
from drift.core.adoption_check import check_hosts
from drift.core.adoption_choose import Chosen, Fixed, choose, exhaustive_directories
from drift.core.adoption_layers import SharedLayer, layers_of, place
from drift.core.adoption_paths import MOST_ENTRIES, below
from drift.core.adoption_templates import Known, NoTemplate, known_of, template_for
from drift.core.adoption_write import Writer, about_layer, layer_rank, with_watched
from inventory.core.host_view import HostView

ROUNDS = 4
NOT_AS_LIVE = "written into the definition it would not render to what is live"

Placement = dict[str, dict[str, dict[str, Any]]]
"""Layer → resource → attributes."""
_HashableValue = str | Content


def plan_adoption(
    *,
    definition: Definition,
    hosts: Sequence[SeenHost],
    texts: Mapping[str, Text],
    others: Iterable[HostView] = (),
    roots: Sequence[str] = (),
    options: Options | None = None,
    reference: str = "",
) -> Plan:
    """The edits that adopt these hosts into `definition`.

    `others` are the hosts that were not chosen: no layer of theirs is spoken in, unless the options say so. Raises
    DefinitionError for edits that the definition does not take, CannotEdit for a layer that can't be added to.
    """
    return _Planning(
        definition, hosts, texts, tuple(others), tuple(roots), options or Options(), reference
    ).plan()


class _Planning:
    def __init__(
        self,
        definition: Definition,
        hosts: Sequence[SeenHost],
        texts: Mapping[str, Text],
        others: tuple[HostView, ...],
        roots: tuple[str, ...],
        options: Options,
        reference: str,
    ) -> None:
        self._definition, self._hosts, self._texts = definition, hosts, texts
        self._others, self._roots, self._options, self._reference = others, roots, options, reference
        self._layers = layers_of([host.view for host in hosts], () if options.others else others)
        self._spoken = {host.name: _spoken(definition, host.view) for host in hosts}
        self._by_layer = {name: frozenset(layer.declarations) for name, layer in definition.layers.items()}
        self._contexts = [template_context(merge(definition, host.view), host.view) for host in hosts]
        listed = {name for host in hosts for name, why in host.listed.items() if why is None}
        self._watchable = tuple(name for name in WATCHABLE if SECTIONS[name].resource("") in listed)
        self._known: dict[int, list[Known]] = {}
        self._why_no_template: dict[str, str] = {}
        self._dropped: dict[str, str] = {}
        self._only_hosts: set[str] = set()

    def plan(self) -> Plan:
        for attempt in range(ROUNDS):
            chosen, exhaustive, notes = self._choose()
            placement = self._place(chosen)
            edits = self._write(placement)
            after = parse_definition(apply_to(self._definition.files, edits), previous=self._definition)
            checks = check_hosts(after, self._hosts, chosen.declared)
            wrong = {resource for check in checks for resource in check.wrong}
            if not wrong:
                break
            # First at the host, where nothing is shared; what is wrong there too can't be said at all.
            self._dropped |= {name: NOT_AS_LIVE for name in wrong if attempt > 1 or name in self._only_hosts}
            self._only_hosts |= wrong
        return Plan(
            edits=edits,
            layers={
                name: _counts(declared)
                for name, declared in sorted(placement.items(), key=lambda item: layer_rank(item[0]))
            },
            checks=tuple(checks),
            left_out=tuple(chosen.left_out),
            notes=(*notes, *self._template_notes(placement)),
            templates=tuple(sorted(path for path in edits if "/templates/" in path)),
            exhaustive=tuple(exhaustive),
            already=chosen.already,
            unlisted=self._reached(placement),
            resources=tuple(sorted({name for declared in placement.values() for name in declared})),
        )

    # --- choosing ----------------------------------------------------------------------------------------------

    def _choose(self) -> tuple[Chosen, list[str], list[Note]]:
        """What is declared; exhaustive directories are only those in which everything is."""
        candidates = set(exhaustive_directories(self._hosts, self._options.exhaustive))
        notes: list[Note] = []
        while True:
            fixed = Fixed(
                options=self._options,
                roots=self._roots,
                texts=self._texts,
                spoken=self._spoken,
                exhaustive=frozenset(candidates),
                dropped=self._dropped,
                watched=frozenset(self._definition.watched or self._watchable),
            )
            chosen = choose(self._hosts, fixed)
            open_ = self._not_whole(chosen, candidates)
            if not open_:
                break
            named = not isinstance(self._options.exhaustive, str)
            notes += [
                Note(f"directory:{path}", f"not exhaustive: {why}")
                for path, why in open_.items()
                if named or why
            ]
            candidates -= open_.keys()
        there = sorted(
            path
            for path in candidates
            if any(f"directory:{path}" in declared for declared in chosen.declared.values())
        )
        return chosen, there, notes

    def _not_whole(self, chosen: Chosen, candidates: set[str]) -> dict[str, str]:
        """The directories with an entry that would not be declared: exhaustive, they would drift at once."""
        found: dict[str, str] = {}
        for host in self._hosts:
            declared = {resource.partition(":")[2] for resource in chosen.declared[host.name]}
            declared |= self._spoken[host.name]
            entries: dict[str, int] = defaultdict(int)
            for path in candidates - found.keys():
                root = below(path, self._roots) or path
                if (incomplete := host.listed.get(root)) is not None:
                    found[path] = f"not all of it could be seen on {host.name} ({incomplete})"
            for resource, state in host.states.items():
                key = resource.partition(":")[2]
                inside = below(key, candidates) if key.startswith("/") else None
                if inside is None:
                    continue
                entries[inside] += 1
                if key not in declared and not (isinstance(state, Present) and _holds(key, declared)):
                    found.setdefault(inside, f"{key} on {host.name} would not be declared")
            found |= {
                path: f"more than {MOST_ENTRIES} entries"
                for path, count in entries.items()
                if count > MOST_ENTRIES and self._options.exhaustive == "auto"
            }
        return found

    # --- placing -----------------------------------------------------------------------------------------------

    def _place(self, chosen: Chosen) -> Placement:
        placement: Placement = defaultdict(lambda: defaultdict(dict))
        columns: dict[str, dict[str, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))
        for bit, host in enumerate(self._hosts):
            for resource, attributes in chosen.declared[host.name].items():
                for name, value in attributes.items():
                    columns[resource][name][bit] = value
        for resource in sorted(columns):
            refused = frozenset(name for name, said in self._by_layer.items() if resource in said)
            for name, values in columns[resource].items():
                for layer, value in self._placed(resource, name, values, refused):
                    placement[layer][resource][name] = value
        return placement

    def _placed(
        self, resource: str, attribute: str, values: dict[int, Any], refused: frozenset[str]
    ) -> Iterable[tuple[str, Any]]:
        keys = {bit: _key(value) for bit, value in values.items()}
        meant = {key: values[bit] for bit, key in keys.items()}

        def express(layer: SharedLayer) -> _HashableValue | None:
            return self._template(resource, layer, values) if attribute == CONTENT else None

        placed = place(
            keys,
            self._layers,
            refused=refused,
            express=express,
            names_itself=self._names_itself,
            only_hosts=resource in self._only_hosts,
        )
        return [(one.layer, meant.get(one.value, one.value)) for one in placed]

    def _template(self, resource: str, layer: SharedLayer, values: Mapping[int, Any]) -> Content | None:
        bits = [bit for bit in values if layer.hosts >> bit & 1]
        contents = [values[bit] for bit in bits]
        if not all(content.digest for content in contents):
            return None
        if layer.hosts not in self._known:
            self._known[layer.hosts] = known_of([self._contexts[bit] for bit in bits])
        made = template_for(
            [self._texts[content.digest].text for content in contents], self._known[layer.hosts]
        )
        if isinstance(made, NoTemplate):
            self._why_no_template[resource] = made.reason
            return None
        return Content(template=made)

    def _names_itself(self, bit: int, value: _HashableValue) -> bool:
        """Whether a value speaks of this one host, so that it can't be its role's."""
        view = self._hosts[bit].view
        text = value
        if isinstance(value, Content):
            text = self._texts[value.digest].text if value.digest else ""
        return any(name and name in str(text) for name in (view.name.partition(".")[0], view.address))

    # --- writing -----------------------------------------------------------------------------------------------

    def _write(self, placement: Placement) -> dict[str, bytes]:
        texts = {digest: text.text for digest, text in self._texts.items()}
        writer = Writer(self._definition.files, texts)
        for layer, declared in sorted(placement.items()):
            writer.layer(layer, declared, about_layer(layer, self._reference))
        roots = self._roots if self._options.files else ()
        watched = with_watched(self._definition.files, [*self._watchable, *roots]) if writer.edits else None
        if watched is not None:
            writer.edits[DEFINITION_FILE] = watched
        return writer.edits

    def _template_notes(self, placement: Placement) -> list[Note]:
        """Files that differ between hosts and are no template, with the reason; only where a host has its own."""
        own = {
            resource
            for layer, declared in placement.items()
            if layer.startswith("hosts/")
            for resource, attributes in declared.items()
            if CONTENT in attributes
        }
        return [
            Note(resource, f"no template: {why}")
            for resource, why in sorted(self._why_no_template.items())
            if resource in own
        ]

    def _reached(self, placement: Placement) -> tuple[str, ...]:
        return tuple(host.name for host in self._others if placement.keys() & set(layers_for(host)))


def _key(value: Any) -> _HashableValue:
    """A value by which equal ones are found; as JSON, in which 1 and true are two."""
    return value if isinstance(value, Content) else canonical_json(value)


def _spoken(definition: Definition, host: HostView) -> frozenset[str]:
    """What the host's layers name already, as resources and as paths, be it to take it back."""
    names: set[str] = set()
    for layer in layers_for(host):
        if layer in definition.layers:
            names |= definition.layers[layer].declarations.keys()
    paths = {key for name in names if (key := name.partition(":")[2]).startswith("/") and _is_path(name)}
    return frozenset(names | paths)


def _is_path(resource: str) -> bool:
    return resource.partition(":")[0] in ("file", "directory", "symlink")


def _holds(directory: str, declared: Iterable[str]) -> bool:
    return any(path.startswith(f"{directory}/") for path in declared)


def _counts(declared: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for resource in declared:
        counts[KIND_TO_SECTION[resource.partition(":")[0]].name] += 1
    return dict(counts)
