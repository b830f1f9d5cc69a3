"""How the OpenAPI description tells who may call: a bearer token, or the console's session."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "common.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "fb_…",
            "description": "`Authorization: Bearer fb_…`; made by `manage.py create_token`, shown once.",
        }


class ConsoleSessionScheme(OpenApiAuthenticationExtension):
    target_class = "common.api.auth.ConsoleSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The console's own requests; writes need its CSRF token in `X-CSRFToken`.",
        }
