"""What empty pages teach: the commands that fill them. They are tried by a test."""

from datetime import date

_AUTHORIZED = '-H "Authorization: Bearer $FOLDBACK_TOKEN"'

INIT_DEFINITION = "manage.py init_definition my-definition/"
IMPORT_HOSTS = "manage.py import_hosts inventory.ini --team-lead ben --dry-run"
ENROL = "manage.py enrol '*'"
CREATE_CREDENTIAL = (
    """python3 -c 'import json; print(json.dumps({"name": "scanning", "kind": "private-key", "user": "foldback-scan", """
    """"is_default": True, "secret": open("scanning-key").read()}))' """
    f"| curl --json @- $FOLDBACK_URL/api/v1/credentials/ {_AUTHORIZED}"
)
ADOPT = "manage.py definition adopt --hosts '*' --dry-run"
SCAN = f"""curl --json '{{"hosts": "*"}}' $FOLDBACK_URL/api/v1/scans/ {_AUTHORIZED}"""
SCAN_POLICY = (
    """curl --json '{"name": "all", "selector": "*", "quick_every": 300, "deep_every": 86400}' """
    f"$FOLDBACK_URL/api/v1/scan-policies/ {_AUTHORIZED}"
)
TEAM = (
    """curl --json '{"name": "payments", "lead": "cy"}' """
    f"$FOLDBACK_URL/api/v1/teams/ {_AUTHORIZED}"
)
CHANNEL = (
    """curl --json '{"kind": "email", "address": "ana@example.org"}' """
    f"$FOLDBACK_URL/api/v1/channels/ {_AUTHORIZED}"
)
LOG_CHANGE = (
    """curl --json '{"title": "raised worker_connections to 4096", "selector": "web-[1-7]"}' """
    f"$FOLDBACK_URL/api/v1/changes/ {_AUTHORIZED}"
)
OPEN_INCIDENT = (
    """curl --json '{"title": "checkout is down", "selector": "*"}' """
    f"$FOLDBACK_URL/api/v1/incidents/ {_AUTHORIZED}"
)


def freeze(day: date) -> str:
    return (
        """curl --json '{"kind": "freeze", "title": "Stocktaking", "selector": "env=prod", """
        f""""starts_at": "{day}T00:00:00Z", "ends_at": "{day}T23:59:00Z"}}' """
        f"$FOLDBACK_URL/api/v1/windows/ {_AUTHORIZED}"
    )


def enrol(host: str) -> str:
    return f"manage.py enrol {host}"
