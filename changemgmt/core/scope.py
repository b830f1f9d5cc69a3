"""What a change touches, as text: host names and resource ids, cleaned and capped."""

import re
from collections.abc import Callable, Iterable

from common.core.errors import FieldError, Invalid

MAX_HOSTS = 20_000
MAX_RESOURCES = 5_000
HOST_LENGTH = 255
RESOURCE_LENGTH = 2_600  # bytes too: the index over resources can't hold a longer one
_RESOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}:\S.*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def clean_hosts(hosts: Iterable[str]) -> list[str]:
    """Host names without repeats, in the order given; raises Invalid with a pointer to each bad one."""
    return _clean("hosts", hosts, MAX_HOSTS, _host_problem)


def clean_resources(resources: Iterable[str]) -> list[str]:
    """Resource ids (`file:/etc/motd`) without repeats, in the order given; raises Invalid."""
    return _clean("resources", resources, MAX_RESOURCES, _resource_problem)


def _host_problem(host: str) -> str | None:
    if not host or _CONTROL.search(host) or any(character.isspace() for character in host):
        return "a host name is one word"
    if len(host) > HOST_LENGTH:
        return f"longer than {HOST_LENGTH} characters"
    return None


def _resource_problem(resource: str) -> str | None:
    if _CONTROL.search(resource) or not _RESOURCE.fullmatch(resource):
        return "a resource is a kind, a colon and a name, such as file:/etc/nginx/nginx.conf"
    if len(resource.encode(errors="surrogatepass")) > RESOURCE_LENGTH:
        return f"longer than {RESOURCE_LENGTH} bytes"
    return None


def _clean(
    field: str, values: Iterable[str], most: int, problem_of: Callable[[str], str | None]
) -> list[str]:
    cleaned = list(dict.fromkeys(value.strip() for value in values))
    if len(cleaned) > most:
        raise Invalid(
            f"{field}: {len(cleaned)} are too many for one change; {most} at most.",
            errors=[FieldError(f"/{field}", "too many")],
        )
    errors = [
        FieldError(f"/{field}/{index}", f"{value[:80]!r}: {problem}")
        for index, value in enumerate(cleaned)
        if (problem := problem_of(value))
    ]
    if errors:
        raise Invalid(f"{errors[0].pointer}: {errors[0].detail}", errors=errors[:50])
    return cleaned
