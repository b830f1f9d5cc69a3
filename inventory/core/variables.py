"""Which variables a host may keep: JSON that PostgreSQL can hold, with no secret in it.

Variables are shown on pages and rendered into files that people compare, so a secret among them would be
readable by everybody. Secrets belong in `secret:` entries of the definition, which are compared by HMAC.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from inventory.core.names import shown, variable_name_problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20

_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|(?<!proxy_)pass|pwd|secrets?|token|api_?key|private_?key|secret_?key"
    r"|access_?key|credentials?)$",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"(?:/[\w@.-]+){2,}")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_VAULT = "$ANSIBLE_VAULT;"
_REFERENCE = re.compile(r"\{\{.*\}\}", re.DOTALL)


def secret_in(name: str, value: Any) -> str | None:
    """The dotted path of the first value under `name` that looks like a secret, or None.

    A value that only says where the secret is (`{{ vault_db_password }}`, `/etc/app/key.pem`) holds none.
    """
    for path, last, item in _leaves(name, name, value):
        if isinstance(item, bool | None) or item == "":
            continue
        text = str(item).strip()
        elsewhere = _REFERENCE.fullmatch(text) or _FILE_NAME.fullmatch(text)
        if _PRIVATE_KEY.search(text) or (_SECRET_NAME.search(last) and not elsewhere):
            return path
    return None


def vaulted_in(name: str, value: Any) -> str | None:
    """The dotted path of the first value under `name` that `ansible-vault` encrypted, or None."""
    for path, _, item in _leaves(name, name, value):
        if isinstance(item, str) and item.lstrip().startswith(_VAULT):
            return path
    return None


def has_reference(value: Any) -> bool:
    """Whether a value is written with another tool's template, which is kept as text and not resolved."""
    return any(isinstance(item, str) and _REFERENCE.search(item) for _, _, item in _leaves("", "", value))


def value_problem(name: str, value: Any) -> str | None:
    """Why a variable can't be stored, or None. Secrets are asked about apart, with `secret_in`."""
    problem = variable_name_problem(name)
    if problem:
        return problem
    return _json_problem(name, value, 0)


def variables_problems(variables: Mapping[str, Any]) -> dict[str, str]:
    """Every reason against a whole mapping of variables, by the variable's name; empty when it can be stored."""
    problems = {}
    for name, value in variables.items():
        problem = value_problem(name, value)
        if problem:
            problems[name] = problem
            continue
        secret = vaulted_in(name, value) or secret_in(name, value)
        if secret:
            problems[name] = (
                f"{secret} looks like a secret, and variables are readable by everybody: declare the file that "
                "holds it as `secret:` in the definition"
            )
    if not problems and size_of(variables) > MAX_BYTES:
        problems[""] = f"the variables of one host have at most {MAX_BYTES:,} bytes as JSON"
    return problems


def size_of(variables: Mapping[str, Any]) -> int:
    return len(json.dumps(variables, ensure_ascii=False).encode())


def _json_problem(path: str, value: Any, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"{path} is nested deeper than {MAX_DEPTH} levels"
    match value:
        case None | bool() | int():
            return None
        case float():
            return None if math.isfinite(value) else f"{path} is not a number that JSON knows"
        case str():
            return None if _storable(value) else f"{path} holds a character that can't be stored"
        case list():
            items = ((f"{path}[{index}]", item) for index, item in enumerate(value))
        case dict():
            odd = next((key for key in value if not (isinstance(key, str) and _storable(key))), None)
            if odd is not None:
                return f"{path} has the key {shown(odd)}, and keys are text"
            items = ((f"{path}.{key}", item) for key, item in value.items())
        case _:
            return f"{path} is a {type(value).__name__}, and variables are JSON values"
    return next(filter(None, (_json_problem(name, item, depth + 1) for name, item in items)), None)


def _storable(text: str) -> bool:
    """PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _leaves(path: str, last: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """(dotted path, nearest key, scalar) for every scalar, to any depth, without recursion."""
    waiting = [(path, last, value)]
    while waiting:
        path, last, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{path}.{key}", str(key), item) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(f"{path}[{index}]", last, item) for index, item in enumerate(value)]
        else:
            yield path, last, value
