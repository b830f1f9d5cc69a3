"""Where a secret could have gone: everything that the service keeps, writes, logs or shows, as one text to search."""

import base64
import binascii
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pygit2
import redis
from django.db import connection
from ruamel.yaml import YAML

from tests.planted import forms

_HREF = re.compile(r"(?:href|src|action|hx-get)=\"([^\"#]+)")
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")


def tables() -> Iterator[tuple[str, str]]:
    """Every row of every table as COPY gives it, and what its bytea columns hold."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in cursor.fetchall():
            copied = io.StringIO()
            cursor.copy_expert(f'COPY "{schema}"."{table}" TO STDOUT', copied)
            # COPY writes a backslash twice and a line's end as \n; JSON within it does so once more.
            text = copied.getvalue()
            plain = text.replace("\\\\", "\\").replace("\\n", "\n")
            yield f"table {table}", "\n".join((text, plain, *_bytes_of(text)))


def _bytes_of(text: str) -> Iterator[str]:
    for found in re.findall(r"\\\\x([0-9a-f]{8,})", text):
        yield bytes.fromhex(found[: len(found) // 2 * 2]).decode("utf-8", errors="replace")


def git_objects(path: Path) -> Iterator[tuple[str, str]]:
    """Every object of a repository, reachable or not, decompressed."""
    repository = pygit2.Repository(str(path))
    for oid in repository.odb:
        yield f"git object {oid}", repository.odb.read(oid)[1].decode("utf-8", errors="replace")


def files(folder: Path, pattern: str) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(pattern)):
        yield f"file {path.name}", path.read_text(errors="replace")


def valkey(address: str, port: int) -> Iterator[tuple[str, str]]:
    store = redis.Redis(host=address, port=port)
    for key in store.scan_iter():
        kind = store.type(key).decode()
        value = {
            "string": lambda key: store.get(key),
            "hash": lambda key: store.hgetall(key),
            "list": lambda key: store.lrange(key, 0, -1),
            "set": lambda key: store.smembers(key),
            "zset": lambda key: store.zrange(key, 0, -1),
        }.get(kind, lambda key: b"")(key)
        yield f"valkey {key!r}", f"{key!r} {value!r}"


def pages(client: httpx.Client, start: str, *, most: int = 600) -> Iterator[tuple[str, str]]:
    """Every page that links lead to. Raises AssertionError for one that fails."""
    host = urlsplit(start).netloc
    todo, seen = [start], {start}
    while todo and len(seen) < most:
        url = todo.pop(0)
        if re.search(r"/sign-out/|/static/", url):
            continue
        answer = client.get(url, follow_redirects=True)
        assert answer.status_code < 500, (url, answer.status_code)
        yield f"page {url}", answer.text
        for found in _HREF.findall(answer.text):
            target = urldefrag(urljoin(str(answer.url), found.replace("&amp;", "&")))[0]
            # One order of a list is as good as another.
            if urlsplit(target).netloc == host and target not in seen and "sort=" not in target:
                seen.add(target)
                todo.append(target)


def routes(client: httpx.Client) -> Iterator[tuple[str, str]]:
    """Every GET of the API: lists by their address, what has an id for everything that the lists name."""
    schema = YAML(typ="safe").load(client.get("/schema/").text)
    yield "api schema", str(schema)
    gets = [path.removeprefix("/api/v1") for path, verbs in schema["paths"].items() if "get" in verbs]
    names: dict[str, set[str]] = {}
    for path in sorted(gets, key=lambda path: path.count("{")):
        for filled in _filled(path, names):
            answer = client.get(filled)
            assert answer.status_code < 500, (filled, answer.text)
            yield f"api {filled}", answer.text
            if "{" not in path and "results" in answer.text[:100_000]:
                for item in answer.json()["results"]:
                    handle = next(
                        (item[key] for key in ("reference", "name", "sha", "username", "id") if key in item),
                        None,
                    )
                    if handle is not None:
                        names.setdefault(path, set()).add(str(handle))
    for scan in sorted(names.get("/scans/", ())):
        for kind in ("html", "csv", "json"):
            yield f"report {scan} {kind}", client.get(f"/reports/scans/{scan}/?format={kind}").text


def _filled(path: str, names: dict[str, set[str]]) -> list[str]:
    if "{" not in path:
        return [path]
    before, _, rest = path.partition("{")
    after = rest.partition("}")[2]
    # definition/hosts/{host}/ and reports/scans/{scan}/ are about what other lists name
    listed = names.get(before) or names.get("/" + before.rstrip("/").rpartition("/")[2] + "/") or set()
    return [f"{before}{name}{after}" for name in sorted(listed)] if "{" not in after else []


def found_in(places: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """(place, secret) for each secret that is in a place, in any form, or in base64 that stands there."""
    needles = {form: secret for secret in secrets for form in forms(secret) if len(form) >= 8}
    leaks = set()
    for place, text in places:
        for part in (text, *_unwrapped(text)):
            leaks |= {(place, secret) for form, secret in needles.items() if form in part}
    return sorted(leaks)


def _unwrapped(text: str) -> Iterator[str]:
    for run in set(_LONG_BASE64.findall(text)):
        try:
            plain = base64.b64decode(run.replace("-", "+").replace("_", "/").rstrip("=") + "==")
        except (binascii.Error, ValueError):
            continue
        yield plain.decode("utf-8", errors="replace")
