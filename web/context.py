"""What every console page is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def console(request: HttpRequest) -> dict[str, Any]:
    return {"four_eyes": settings.FOUR_EYES}
