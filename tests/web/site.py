"""Pages as Django's client gets them, read as a person reads them."""

import html
import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import person


def window(who: str | None = None, **more: Any) -> Client:
    """A browser without script; somebody of the cast is signed in, or nobody."""
    client = Client(**more)
    if who is not None:
        client.force_login(person(who))
    return client


def read(response: Any) -> str:
    """What is on the page: no tags, no code, white space as a browser shows it; minutes ago read `lately`."""
    page = response.content.decode()
    page = re.sub(r"<(script|style|template)\b.*?</\1>", " ", page, flags=re.S)
    page = re.sub(r">\s*<", "> <", page)
    text = re.sub(r"</?(?:b|span|code|a|strong|time|mark|em|i)\b[^>]*>", "", page)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    return re.sub(r"\b\d+ (?:s|min) ago|\bjust now", "lately", text)


def further(response: Any, rel: str = "next") -> str:
    """Where the next (or "prev") page of a list is."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    assert found, f"no {rel} page"
    return html.unescape(found[1])


def page(client: Client, path: str, status: int = 200, **headers: str) -> str:
    """The text of a page; fails unless it has this status."""
    response = client.get(path, headers=headers)
    assert response.status_code == status, (response.status_code, read(response)[:500])
    return read(response)


def fragment(client: Client, path: str, status: int = 200) -> Any:
    """What htmx gets."""
    response = client.get(path, headers={"HX-Request": "true"})
    assert response.status_code == status, read(response)[:500]
    return response


def queries(client: Client, path: str) -> int:
    """How many queries the page takes, the session's aside."""
    client.get(path)  # what is kept in this process is kept now
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(path).status_code == 200
    return len(caught)


def field(response: Any, name: str) -> str:
    """The value of a form's field, as it stands on the page."""
    text = response.content.decode()
    area = re.search(rf'<textarea[^>]*name="{name}"[^>]*>\n?(.*?)</textarea>', text, re.S)
    if area:
        return html.unescape(area[1])
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', text)
    assert found, f"no field {name}"
    value = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(value[1]) if value else ""
