"""Jinja2 for configuration files: sandboxed, strict, deterministic, and only with the definition's own templates.

Autoescaping is off on purpose: these are configuration files, and an escaped ampersand would be a wrong one.
"""

from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from jinja2 import (
    BaseLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployments.core.definition import bounds, checks
from deployments.core.definition.layout import split_layer
from deployments.core.definition.template_uses import TemplateUses, find_uses

_NOT_OFFERED = ("random", "urlize")
"""Filters that would make a rendering differ from the last one, or that configuration has no use for."""
_PRINTABLE = (str, int, float, bool, type(None), list, tuple, dict, Undefined)
_COUNTED, _SIZED = "_counted", "_sized"


class RenderError(Exception):
    """A template that can't be rendered, with the repository path and line where it stopped."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message


def find_template(files: Mapping[str, bytes], name: str, beside: str) -> str | None:
    """The repository path of template `name` named in the template `beside`: in its own layer, then in base."""
    place = split_layer(beside)
    if place is None or checks.relative_path(name):
        return None
    candidates = (f"{place[0]}/templates/{name}", f"base/templates/{name}")
    return next((path for path in candidates if path in files), None)


class TemplateStore:
    """The templates of one tree, compiled on first use. `reuse` is an older store to take unchanged ones from."""

    def __init__(self, files: Mapping[str, bytes], reuse: "TemplateStore | None" = None) -> None:
        self.files = files
        self._environment = _Environment(self)
        self._code: dict[str, CodeType] = {}
        self._uses: dict[str, TemplateUses] = {}
        self._joined: dict[str, TemplateUses] = {}
        if reuse is not None:
            for path, code in reuse._code.items():
                if files.get(path) == reuse.files[path]:
                    self._code[path], self._uses[path] = code, reuse._uses[path]

    def code(self, path: str) -> CodeType:
        """Raises TemplateSyntaxError."""
        if path not in self._code:
            text = self.files[path].decode("utf-8").removeprefix("\ufeff")
            try:
                tree = self._environment.parse(text, path, path)
                self._uses[path] = find_uses(tree)
                _bound(tree)
                self._code[path] = self._environment.compile(tree, path, path)
            except (RecursionError, MemoryError, SyntaxError, ValueError) as error:
                raise TemplateSyntaxError("the template is nested too deep", 1, path, path) from error
        return self._code[path]

    def uses(self, path: str) -> TemplateUses:
        """What the template uses, those it includes among it."""
        if path not in self._joined:
            self._joined[path] = self._uses_of(path)
        return self._joined[path]

    def _uses_of(self, path: str) -> TemplateUses:
        found, queue = TemplateUses(), [path]
        seen: set[str] = set()
        while queue:
            if (current := queue.pop()) in seen:
                continue
            seen.add(current)
            self.code(current)
            uses = self._uses[current]
            found = found.joined(uses)
            paths = (find_template(self.files, name, current) for _, name, _ in uses.includes)
            queue += [included for included in paths if included]
        return found

    def faults(self, path: str) -> Iterator[tuple[int, str, str]]:
        """What is wrong with one template: `(line, message, remedy)`."""
        try:
            self.code(path)
        except TemplateSyntaxError as error:
            message = _sentence(error.message or "the template has a syntax error")
            yield error.lineno, message, "Correct the template."
            return
        for line, name, optional in self._uses[path].includes:
            if not optional and find_template(self.files, name, path) is None:
                message = f"the template {name} is neither in this layer's templates nor in base/templates."
                yield line, message, "Add it, or correct the name."

    def render(self, path: str, context: Mapping[str, Any]) -> str:
        """Raises RenderError for everything that can go wrong in a template."""
        parts: list[str] = []
        size = 0
        try:
            with bounds.limited():
                template = self._environment.get_template(path)
                for part in template.root_render_func(template.new_context(dict(context), shared=False)):
                    parts.append(part)
                    size += len(part)
                    bounds.charge(1)
                    if size > bounds.MAX_SIZE:
                        raise bounds.LimitExceeded(
                            f"the output is larger than {bounds.MAX_SIZE:,} characters"
                        )
        except Exception as error:  # whatever a template does, it ends as a reason and never as a crash
            raise _render_error(path, error) from error
        return "".join(parts)


class _Loader(BaseLoader):
    def __init__(self, store: TemplateStore) -> None:
        self._store = store

    def load(self, environment: Any, name: str, globals: Any = None) -> Template:
        if name not in self._store.files:
            raise TemplateNotFound(name)
        return environment.template_class.from_code(environment, self._store.code(name), globals or {}, None)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "*", "**", "%", "-", "//"))

    def __init__(self, store: TemplateStore) -> None:
        super().__init__(
            undefined=StrictUndefined,
            loader=_Loader(store),
            keep_trailing_newline=True,
            autoescape=False,
            auto_reload=False,
            cache_size=-1,
            optimized=False,  # nothing of a template may run while it is compiled
            finalize=_printable,
        )
        self._store = store
        self.globals.pop("lipsum", None)
        self.filters = {
            name: bounds.bounded_filter(name, function)
            for name, function in self.filters.items()
            if name not in _NOT_OFFERED
        }
        self.filters[_COUNTED], self.filters[_SIZED] = bounds.counted, bounds.sized

    def join_path(self, template: str, parent: str) -> str:
        path = find_template(self._store.files, template, parent)
        if path is None:
            raise TemplateNotFound(template)
        return path

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        bounds.check_binop(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        bounds.check_call(__obj, args, kwargs)
        if isinstance(__obj, LoopContext) and args:
            args = (bounds.counted(args[0]), *args[1:])
        return bounds.sized(super().call(__context, __obj, *args, **kwargs))


def _bound(tree: nodes.Template) -> None:
    """Put the counting of steps and the measuring of values into the tree, where Jinja has no hook of its own."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = _filtered(loop.iter, _COUNTED)
    for block in list(tree.find_all(nodes.AssignBlock)):
        block.filter = _filtered(block.filter, _SIZED)
        block.filter.set_lineno(block.lineno)
    for parent in (tree, *tree.find_all(nodes.Node)):
        for name, value in list(parent.iter_fields()):
            if isinstance(value, nodes.Concat):
                setattr(parent, name, _filtered(value, _SIZED))
            elif isinstance(value, list):
                value[:] = [_filtered(v, _SIZED) if isinstance(v, nodes.Concat) else v for v in value]


def _filtered(node: Any, name: str) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None)
    if node is not None:
        made.set_lineno(node.lineno)
    return made


def _printable(value: Any) -> Any:
    if isinstance(value, _PRINTABLE):
        return value
    raise TemplateRuntimeError(f"{type(value).__name__} can't be printed; add |list or |join, or call it")


def _render_error(path: str, error: Exception) -> RenderError:
    line = 1
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            path, line = template.name or path, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, RecursionError):
        return RenderError(path, line, "the template calls or includes itself without end")
    if isinstance(error, TemplateNotFound):
        return RenderError(path, line, f"there is no template {error.name}")
    return RenderError(path, line, _one_line(str(error) or type(error).__name__))


def _one_line(message: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in message)
    return printable if len(printable) <= 300 else printable[:299] + "…"


def _sentence(message: str) -> str:
    return _one_line(message).rstrip(".") + "."
