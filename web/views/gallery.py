"""Every component in every state, on one page, for those who build pages. Served while debugging only."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common import clock
from deployments.core.states import Present, Unknown
from web.core import commands
from web.core.attributes import attribute_rows
from web.core.diffs import inline_diff, side_by_side, summary
from web.core.navigation import RAIL
from web.core.patches import parse_patch
from web.core.words import OVERLAYS, STATES, VERDICTS

BASE = """# Managed by the release definition
user www-data;
worker_processes auto;
pid /run/nginx.pid;

events {
    worker_connections 1024;
    multi_accept off;
}

http {
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    server_tokens off;

    include /etc/nginx/mime.types;
    default_type application/octet-stream;

    access_log /var/log/nginx/access.log;
    error_log /var/log/nginx/error.log;

    upstream app {
        server 10.20.0.13:8080 max_fails=3;
    }
    gzip on;
    include /etc/nginx/conf.d/*.conf;
}
"""
LIVE = (
    BASE.replace("worker_connections 1024", "worker_connections 4096")
    .replace("    multi_accept off;\n", "")
    .replace(
        "    gzip on;\n",
        "\tgzip off;  \n    # raised by hand during the outage \u202eeht\n    proxy_read_timeout 120s;\n",
    )
    .rstrip("\n")
)
HEAD = BASE.replace("worker_connections 1024", "worker_connections 2048").replace(
    "server_tokens off;", "server_tokens off;\n    client_max_body_size 8m;"
)
PATCH = """--- a/roles/web/resources.yaml
+++ b/roles/web/resources.yaml
@@ -8,5 +8,5 @@
 # Keep below the file limit of the unit.
-variables: {workers: 4, connections: 1024}
+variables: {workers: 4, connections: 4096}
 services:
   nginx: {enabled: true, running: true}
"""
OWN = {"address": "10.20.0.13"}


class SpecimenForm(forms.Form):
    title = forms.CharField(
        label="What was changed", help_text="A sentence that still makes sense next week.", max_length=200
    )
    hosts = forms.CharField(label="Where", help_text="A selector, such as role=web env=prod or web-[1-37].")
    kind = forms.ChoiceField(
        label="Kind", choices=[("emergency", "Emergency"), ("normal", "Normal")], required=False
    )
    reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    notify = forms.BooleanField(label="Tell the host’s team", required=False)


def gallery(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Proposed. Ben or another release manager can approve it.")
    messages.error(
        request, "web-9 did not answer within 60 s, so its state is unknown. Start another scan of it."
    )
    return render(request, "gallery.html", samples())


def samples() -> dict[str, Any]:
    now = clock.now()
    rows = inline_diff(BASE, LIVE, host_values=OWN)
    seen = Present({"type": "file", "owner": "root", "group": "root", "mode": "0644", "sha256": "a" * 64})
    moved = Present({**seen.data, "mode": "0664", "group": "deploy", "sha256": "b" * 64})
    ana = SimpleNamespace(name="Ana Ruiz", username="ana")
    change = SimpleNamespace(reference="CHG-1042", url="#", title="raised worker_connections to 4096")
    incident = SimpleNamespace(
        reference="INC-7", title="checkout is down", severity="critical", started_at=now - timedelta(minutes=47),
        commander=ana,
    )  # fmt: skip
    findings = [
        _finding("DRF-88", "file:/etc/nginx/nginx.conf", "drifted", change, ana, rows=rows[:7], now=now),
        _finding("DRF-91", "file:/etc/app/limits.conf", "conflict", None, None, rows=rows[-8:-3], now=now),
        _finding("DRF-92", "symlink:/etc/nginx/sites-enabled/maintenance", "drifted", None, ana, rows=[], now=now,
                 attributes="absent → symlink to ../sites-available/maintenance"),
    ]  # fmt: skip
    return {
        "rail": [{"place": place, "url": "#", "here": place.key == "drift", "count": 12 * (place.key == "drift")}
                 for place in RAIL],
        "band": SimpleNamespace(incident=incident, others=1),
        "four_eyes": False,
        "verdict_names": list(VERDICTS),
        "overlay_names": list(OVERLAYS),
        "state_names": list(STATES),
        "counts": {"in_sync": 366, "drifted": 21, "conflict": 3, "pending": 13, "unknown": 9},
        "moments": [now - timedelta(seconds=3), now - timedelta(minutes=12), now - timedelta(days=3), now + timedelta(days=9)],
        "ana": ana,
        "evil": "web-3\x1b[31m \u202etxt.exe \u200b \x00 café",
        "rows": rows,
        "delta": summary(rows),
        "identical": inline_diff("a\n", "a\n"),
        "three": side_by_side(BASE, HEAD, LIVE, host_values=OWN),
        "three_missing": side_by_side(BASE, HEAD, None),
        "outcomes": {"unchanged": 312, "ok": 41, "partial": 9, "overtaken": 2, "unknown": 6, "waiting": 42},
        "missing": SimpleNamespace(missing="unknown: permission denied"),
        "long_rows": inline_diff("x" * 4000 + "1;\n", "x" * 4000 + "2;\n"),
        "attributes": attribute_rows(seen, seen, moved, ["type", "owner", "mode", "sha256"]),
        "attributes_unknown": attribute_rows(seen, seen, Unknown("permission denied")),
        "findings": findings,
        "hosts": [
            SimpleNamespace(name=f"web-{n}", environment="prod", roles="web, app", verdict=verdict, overlay=overlay,
                            resources=214 + n, different=n % 3, seen=now - timedelta(minutes=7 * n))
            for n, (verdict, overlay) in enumerate(
                [("in_sync", ""), ("drifted", ""), ("conflict", ""), ("drifted", "waived"), ("unknown", ""), ("pending", "")], 1)
        ],
        "jobs": [
            _job("Scan of role=web", "running", 214, 412, 3, remaining=52, cancel_url="#"),
            _job("Scan of *", "queued", 0, 412, 0),
            _job("Scan of env=staging", "done", 38, 38, 0, elapsed=4.2),
        ],
        "steps": [
            SimpleNamespace(label="open", at="past"),
            SimpleNamespace(label="decided", at="past"),
            SimpleNamespace(label="approved", at="now", note="by Ben"),
            SimpleNamespace(label="committed", at="next"),
            SimpleNamespace(label="proven", at="next"),
        ],
        "events": [
            SimpleNamespace(at=now - timedelta(minutes=2), who=ana, text="proposed to fold DRF-88 back", url="#", detail="at roles/web"),
            SimpleNamespace(at=now - timedelta(minutes=9), who=None, text="a scan found it on 7 of 12 hosts", url=""),
        ],
        "form": SpecimenForm(),
        "command": commands.SCAN,
        "wrong_form": wrong_form(),
        "page": SimpleNamespace(shown=50, total=None, noun="finding", previous_url="#", next_url="#"),
        "crumbs": [("Drift", "#"), ("DRF-88", "#")],
        "placements": _placements(),
        "bar": SimpleNamespace(about="1 finding on 7 of 12 hosts", selecting=False, choices=_choices()),
    }  # fmt: skip


def wrong_form() -> SpecimenForm:
    form = SpecimenForm({"title": "", "hosts": "role=web ]", "notify": "on"})
    form.is_valid()
    form.add_error("hosts", "“]” closes nothing: a range is written web-[1-37].")
    return form


def _finding(
    reference: str, resource: str, verdict: str, change: Any, who: Any, *, rows: Any, now: Any, **more: Any
) -> Any:
    return SimpleNamespace(
        reference=reference, url="#", resource=resource, verdict=verdict, state="open", hosts=7, hosts_total=12,
        hosts_told="web-1, web-2, web-3 and 4 more", first_seen=now - timedelta(hours=3), claimed_by=who,
        explained_by=change, candidate="" if change else "during ana’s login on web-3", rows=rows, **more,
    )  # fmt: skip


def _job(title: str, state: str, done: int, total: int, failed: int, **more: Any) -> Any:
    values = {"remaining": None, "elapsed": 0, "cancel_url": "", "rate": "", **more}
    return SimpleNamespace(
        title=title, state=state, done=done, total=total, failed=failed, noun="host", **values
    )


def _placements() -> list[Any]:
    web = [f"web-{n}" for n in range(1, 13)]
    common = {"files": parse_patch(PATCH), "hosts_total": 12, "why_not": "", "hosts_conflict": []}
    return [
        SimpleNamespace(key="role", layer="roles/web", kind_of_edit="variable", safe=True, advised=True,
                        explanation="Sets the variable connections, which the template uses.",
                        hosts_right=web[:7], hosts_changed=web[7:], **common),
        SimpleNamespace(key="hosts", layer="hosts/web-1 … web-7", kind_of_edit="variable", safe=False, advised=False,
                        explanation="Sets it on the seven hosts that have it now.", hosts_right=[], hosts_changed=[],
                        **{**common, "why_not": "roles/web sets connections later than hosts/web-3 would."}),
    ]  # fmt: skip


def _choices() -> list[Any]:
    return [
        SimpleNamespace(key="f", label="Fold back", url="#", main=True, refused=""),
        SimpleNamespace(key="w", label="Waive", url="#", main=False, refused=""),
        SimpleNamespace(key="r", label="Revert", url="#", main=False, refused="Comes with rollouts."),
        SimpleNamespace(key="i", label="Ignore", url="#", main=False, refused=""),
    ]
