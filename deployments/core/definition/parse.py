"""A tree of files → a Definition, or every problem that stands in the way."""

from collections.abc import Iterator, Mapping

from deployments.core.definition.layout import sort_into_layers
from deployments.core.definition.model import (
    DEFINITION_FILE,
    FILES,
    FORMAT,
    RESOURCES_FILE,
    Declaration,
    Definition,
    DefinitionError,
    Layer,
    Problem,
)
from deployments.core.definition.parse_layer import read_layer
from deployments.core.definition.sandbox import TemplateStore
from deployments.core.definition.settings import Settings, read_settings
from deployments.core.definition.yaml_read import Node, read_yaml

MAX_YAML_BYTES = 1024 * 1024
MAX_TEMPLATE_BYTES = 1024 * 1024
MAX_SOURCE_BYTES = 8 * 1024 * 1024
TEMPLATES = "templates"
"""Where the compiled templates lie in the cache of a Definition."""
MAX_MESSAGE = 400
MAX_PROBLEMS = 500
"""So many problems say enough; beyond them the list is cut, with the number of what was left out."""


def parse_definition(files: Mapping[str, bytes], previous: Definition | None = None) -> Definition:
    """Parse and check a whole tree (repository path → content).

    `previous` is a definition that parsed without problems: what is unchanged since then is taken from it, so
    that a small edit of a large definition costs little. Raises DefinitionError with every problem found.
    """
    files = dict(files)
    layers, problems = sort_into_layers(files)
    settings = _settings(files, previous)
    problems += settings.problems
    templates = TemplateStore(files, previous.cache.get(TEMPLATES) if previous else None)
    parsed: dict[str, Layer] = {}
    for name, members in layers.items():
        parsed[name], found = _layer(name, files, settings, previous)
        problems += found
        problems += _sizes_and_templates(name, members, files, templates)
    for layer in parsed.values():
        problems += _missing_files(layer, files)
    if problems:
        raise DefinitionError(_in_order(problems))
    return Definition(
        files=files,
        layers=parsed,
        format=FORMAT,
        watched=settings.watched,
        ignore=settings.ignore,
        secret_paths=settings.secret_paths,
        policies=settings.policies,
        cache={TEMPLATES: templates},
    )


def _settings(files: Mapping[str, bytes], previous: Definition | None) -> Settings:
    if DEFINITION_FILE not in files:
        message = f"there is no {DEFINITION_FILE}."
        missing = Problem(DEFINITION_FILE, None, message, f"Add one that says format: {FORMAT}.")
        return Settings(problems=[missing])
    if previous is not None and previous.files.get(DEFINITION_FILE) == files[DEFINITION_FILE]:
        kept = previous
        return Settings(kept.watched, kept.ignore, kept.secret_paths, dict(kept.policies))
    root, problems = _document(DEFINITION_FILE, files[DEFINITION_FILE])
    if root is None and problems:
        return Settings(problems=problems)
    settings = read_settings(root)
    settings.problems[:0] = problems
    return settings


def _layer(
    name: str, files: Mapping[str, bytes], settings: Settings, previous: Definition | None
) -> tuple[Layer, list[Problem]]:
    path = f"{name}/{RESOURCES_FILE}"
    if path not in files:
        return Layer(name), []
    if (
        previous is not None
        and previous.files.get(path) == files[path]
        and previous.secret_paths == settings.secret_paths
    ):
        return previous.layers[name], []
    root, problems = _document(path, files[path])
    layer, found = read_layer(name, root, settings.secret_paths)
    return layer, problems + found


def _document(path: str, data: bytes) -> tuple[Node | None, list[Problem]]:
    if len(data) > MAX_YAML_BYTES:
        return None, [_too_large(path, MAX_YAML_BYTES, "Spread the declarations over more layers.")]
    text = _decode(path, data)
    if isinstance(text, Problem):
        return None, [text]
    root, faults = read_yaml(text)
    return root, [Problem(path, *fault) for fault in faults]


def _sizes_and_templates(
    name: str, members: tuple[str, ...], files: Mapping[str, bytes], templates: TemplateStore
) -> Iterator[Problem]:
    for member in members:
        path = f"{name}/{member}"
        data = files[path]
        if member.startswith("files/"):
            if len(data) > MAX_SOURCE_BYTES:
                yield _too_large(path, MAX_SOURCE_BYTES, "Large files belong into packages.")
        elif member.startswith("templates/"):
            if len(data) > MAX_TEMPLATE_BYTES:
                yield _too_large(path, MAX_TEMPLATE_BYTES, "Split the template.")
                continue
            text = _decode(path, data)
            if isinstance(text, Problem):
                yield text
            else:
                yield from (Problem(path, *fault) for fault in templates.faults(path))


def _missing_files(layer: Layer, files: Mapping[str, bytes]) -> Iterator[Problem]:
    for declaration in layer.declarations.values():
        attributes = declaration.attributes or {}
        if declaration.section != FILES:
            continue
        for attribute, directory in (("source", "files"), ("template", "templates")):
            given = attributes.get(attribute)
            if given is None or given.value is None:
                continue
            if f"{layer.name}/{directory}/{given.value}" not in files:
                yield _missing(layer, declaration, attribute, directory, files)


def _missing(
    layer: Layer, declaration: Declaration, attribute: str, directory: str, files: Mapping[str, bytes]
) -> Problem:
    given = (declaration.attributes or {})[attribute]
    path = f"{layer.name}/{directory}/{given.value}"
    elsewhere = sorted(name for name in files if name.endswith(f"/{directory}/{given.value}"))
    remedy = "Add the file, or correct the name."
    if elsewhere:
        remedy = f"It is looked for in the layer that names it; move or copy {elsewhere[0]}."
    elif any(name.startswith(f"{path}/") for name in files):
        remedy = "That is a directory; name one file in it."
    message = f"{declaration.key}: there is no {attribute} {path}."
    return Problem(given.origin.path, given.origin.line, message, remedy)


def _decode(path: str, data: bytes) -> str | Problem:
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem(path, line, "the file is not UTF-8.", "Convert it, for example with iconv.")


def _too_large(path: str, limit: int, remedy: str) -> Problem:
    return Problem(path, None, f"the file is larger than {limit // (1024 * 1024)} MiB.", remedy)


def _shown(text: str) -> str:
    """A message quotes what it found, which may be long or hold what a terminal would obey."""
    printable = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[:MAX_MESSAGE])
    return printable if len(text) <= MAX_MESSAGE else f"{printable}…"


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    shown = {Problem(each.path, each.line, _shown(each.message), _shown(each.remedy)) for each in problems}
    ordered = sorted(shown, key=lambda problem: (problem.path, problem.line or 0, problem.message))
    if len(ordered) <= MAX_PROBLEMS:
        return tuple(ordered)
    rest = len(ordered) - MAX_PROBLEMS
    more = Problem(DEFINITION_FILE, None, f"{rest} more problems are not listed.", "Mend these first.")
    return (*ordered[:MAX_PROBLEMS], more)
