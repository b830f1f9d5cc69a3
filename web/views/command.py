"""The `foldback` command, served as it is in the checkout, for whoever has no token yet: it holds no secret."""

import base64
import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from web.access import public


def _file() -> bytes:
    return (settings.BASE_DIR / "cli" / "foldback").read_bytes()


@public("GET")
def command(request: HttpRequest) -> HttpResponse:
    """The file, with its SHA-256 as a header (RFC 9530)."""
    content = _file()
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return HttpResponse(
        content,
        content_type="text/x-python; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="foldback"',
            "Repr-Digest": f"sha-256=:{digest}:",
            "X-Content-Type-Options": "nosniff",
        },
    )


@public("GET")
def checksum(request: HttpRequest) -> HttpResponse:
    """What `sha256sum --check` takes."""
    digest = hashlib.sha256(_file()).hexdigest()
    return HttpResponse(f"{digest}  foldback\n", content_type="text/plain; charset=utf-8")
