"""`hosts/{host}/state/`: what a host looked like, now or at any time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core import signing
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from common import clock
from common.api.pagination import limit_of
from common.api.views import ApiView
from common.core.errors import FieldError, Invalid, NotFound
from deployments.core.states import to_json
from drift.queries.states import BASE, OBSERVED, HostAt, agreed_now, first_look, observed_at
from inventory.api.references import find_host
from inventory.models import Host

_SALT = "foldback.host-state"


class ResourceStateSerializer(serializers.Serializer[Any]):
    resource = serializers.CharField(help_text="`file:/etc/motd`, `package:nginx`")
    state = serializers.DictField(
        help_text='`{"value": "present", "data": {…}}`, `{"value": "absent"}`, `{"value": "unknown", "reason": …}`'
    )


class HostAtSerializer(serializers.Serializer[Any]):
    host = serializers.CharField(source="host.name")
    part = serializers.ChoiceField(choices=[OBSERVED, BASE])
    as_of = serializers.DateTimeField()
    manifest = serializers.CharField(help_text="the digest of all of it: equal where nothing differs")
    resources = serializers.IntegerField(help_text="how many there are in all")
    seen_at = serializers.DateTimeField(allow_null=True, help_text="the look that first showed it so")
    confirmed_at = serializers.DateTimeField(
        allow_null=True, help_text="the last look that did; null where that was not written down"
    )
    changed_at = serializers.DateTimeField(
        allow_null=True, help_text="the next look, which showed something else; null where there is none"
    )
    certain = serializers.BooleanField(
        allow_null=True,
        help_text="false between the last look that showed it so and the next: nobody looked then; null of base",
    )
    results = ResourceStateSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class HostStateView(ApiView):
    permissions: ClassVar[dict[str, str]] = {"GET": "read"}
    query_parameters = frozenset({"as_of", "part", "kind", "cursor", "limit"})

    @extend_schema(
        operation_id="hosts_state",
        summary="What a host looked like",
        description="The states of its resources as the last look before `as_of` showed them (default: now), in order of "
        "resource. 404 before the first look that is still known.",
        parameters=[
            OpenApiParameter("as_of", datetime, description="RFC 3339; of what was observed only"),
            OpenApiParameter("part", str, enum=[OBSERVED, BASE], default=OBSERVED),
            OpenApiParameter("kind", str, description="only resources of this kind, such as `package`"),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="at most 1000"),
        ],
        responses=HostAtSerializer,
    )
    def get(self, request: Request, host: str) -> Response:
        found = find_host(host)
        after, bound = _read_cursor(request, found)
        at = _looked_up(found, request, bound)
        kind = request.query_params.get("kind")
        names = sorted(name for name in at.states if kind is None or name.partition(":")[0] == kind)
        limit = limit_of(request)
        rest = [name for name in names if after is None or name > after]
        page, more = rest[:limit], len(rest) > limit
        url = None
        if more:
            text = signing.dumps(
                [str(found.pk), at.manifest, at.as_of.isoformat(), page[-1]], salt=_SALT, compress=True
            )
            url = replace_query_param(
                remove_query_param(request.build_absolute_uri(), "cursor"), "cursor", text
            )
        return Response(_told(at, names, page, url), headers={"Link": f'<{url}>; rel="next"'} if url else {})


def _told(at: HostAt, names: Sequence[str], page: Sequence[str], url: str | None) -> Any:
    return HostAtSerializer(
        {
            "host": at.host,
            "part": at.part,
            "as_of": at.as_of,
            "manifest": at.manifest,
            "resources": len(names),
            "seen_at": at.seen_at,
            "confirmed_at": at.confirmed_at,
            "changed_at": at.changed_at,
            "certain": at.certain if at.part == OBSERVED else None,
            "results": [{"resource": name, "state": to_json(at.states[name])} for name in page],
            "next": url,
        }
    ).data


def _looked_up(host: Host, request: Request, bound: tuple[str, datetime] | None) -> HostAt:
    """Raises NotFound before the first look, Conflict-like NotFound where a page's look is not kept any more."""
    now = clock.now()
    part = request.query_params.get("part", OBSERVED)
    if part not in (OBSERVED, BASE):
        raise _invalid("part", "it is observed or base")
    as_of = _time(request.query_params.get("as_of"), now)
    if part == BASE:
        if "as_of" in request.query_params:
            raise _invalid(
                "as_of", "what was agreed before is not kept; leave it out, or ask for part=observed"
            )
        at = agreed_now(host, now)
    else:
        at = observed_at(host, bound[1] if bound else as_of)
    if at is None:
        raise NotFound(_before_the_first(host, as_of))
    if bound and at.manifest != bound[0]:
        raise _invalid("cursor", "what it goes through has moved meanwhile. Start without it")
    return at


def _before_the_first(host: Host, as_of: datetime) -> str:
    first = first_look(host)
    if first is None:
        return f"{host.name} was never looked at."
    return f"It is not known what {host.name} looked like at {as_of.isoformat()}: the first look that is kept is of {first.isoformat()}."


def _time(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        as_of = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid("as_of", "it is no time; write 2026-03-14T09:26:53Z") from None
    if as_of.tzinfo is None:
        raise _invalid("as_of", "it has no time zone; write 2026-03-14T09:26:53Z")
    if as_of > now:
        raise _invalid("as_of", "it is in the future")
    try:
        return as_of.astimezone(UTC)  # the database knows fewer time zones
    except OverflowError:
        raise _invalid("as_of", "no calendar goes back that far") from None


def _read_cursor(request: Request, host: Host) -> tuple[str | None, tuple[str, datetime] | None]:
    """(the resource after which to go on, (manifest, time) of the page before)."""
    text = request.query_params.get("cursor")
    if text is None:
        return None, None
    try:
        pk, manifest, as_of, after = signing.loads(text, salt=_SALT)
    except (signing.BadSignature, ValueError):
        pk = manifest = as_of = after = None
    if pk != str(host.pk):
        raise _invalid(
            "cursor", "this cursor is not one of ours, or it belongs to another host. Start without it"
        )
    return after, (manifest, datetime.fromisoformat(as_of))


def _invalid(name: str, problem: str) -> Invalid:
    return Invalid(f"?{name}: {problem}.", errors=[FieldError(f"?{name}", problem)])
