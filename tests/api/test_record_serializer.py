"""What is read straight from a record is what the framework would say of it, field by field."""

import json
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from drf_spectacular.generators import EndpointEnumerator
from rest_framework.serializers import BaseSerializer, ModelSerializer
from rest_framework.utils.encoders import JSONEncoder

from changemgmt.api.serializers import ChangeDetailSerializer, ChangeSerializer
from changemgmt.models import Change
from changemgmt.services.incidents import open_incident
from common import clock
from common.api.serializers import RecordSerializer
from common.api.views import ListView
from inventory.api.serializers import HostDetailSerializer
from tests.factories import acting, host, logged, person

pytestmark = pytest.mark.django_db


def said(serializer: Any, change: Change) -> Any:
    return json.loads(json.dumps(serializer.to_representation(change), cls=JSONEncoder))


def the_framework_s_way(serializer: RecordSerializer[Any], change: Change) -> Any:
    """With each field asked, nested ones too."""
    told = {}
    for field in serializer._readable_fields:
        value = field.get_attribute(change)
        if value is None:
            told[field.field_name] = None
        elif isinstance(field, RecordSerializer):
            told[field.field_name] = ModelSerializer.to_representation(field, value)
        else:
            told[field.field_name] = field.to_representation(value)
    return json.loads(json.dumps(told, cls=JSONEncoder))


@pytest.mark.parametrize("serializer_class", [ChangeSerializer, ChangeDetailSerializer])
def test_what_is_read_straight_is_what_the_framework_says(serializer_class: Any) -> None:
    host("web-1")
    open_incident(actor=acting("ana"), title="checkout is down", hosts=["web-1"])
    full = logged(
        "ana",
        hosts=["web-1"],
        resources=["file:/etc/motd"],
        description="Ümläut \N{SNOWMAN}",
        links={"ticket": "https://tickets.example/1", "findings": ["DRF-1"]},
        happened_at=clock.now() - timedelta(hours=1, microseconds=7),
    )
    reviewed = Change(
        **{field.attname: getattr(full, field.attname) for field in Change._meta.concrete_fields},
    )
    reviewed.review, reviewed.reviewed_by, reviewed.reviewed_at = "well", person("ben"), clock.now()
    for change in (full, logged("ana"), reviewed, Change.objects.get(pk=full.pk)):
        serializer = serializer_class()
        assert said(serializer, change) == the_framework_s_way(serializer_class(), change)
    assert said(serializer_class(), full)["owner"]["username"] == "ana"


def shared_serializers() -> list[Any]:
    """Those of lists that leave it to ListView to make them, once for all requests."""
    views = {endpoint[3].cls for endpoint in EndpointEnumerator().get_api_endpoints()}
    lists = [view for view in views if issubclass(view, ListView) and view.serialize is ListView.serialize]
    return sorted((view.serializer_class for view in lists), key=str)


def kept_by(serializer_class: Any) -> set[str]:
    """What a serializer of this class, or one nested in it, remembers from one request to the next."""
    kept = set()
    for owner in serializer_class.__mro__:
        if owner is not RecordSerializer and not owner.__module__.startswith("rest_framework"):
            kept |= {name for name, value in vars(owner).items() if isinstance(value, cached_property)}
    for field in serializer_class().fields.values():
        nested = getattr(field, "child", field)
        if isinstance(nested, BaseSerializer):
            kept |= kept_by(type(nested))
    return kept


def test_what_all_requests_share_remembers_nothing() -> None:
    found = shared_serializers()
    assert len(found) > 10
    assert {serializer.__name__: kept_by(serializer) for serializer in found if kept_by(serializer)} == {}
    assert kept_by(HostDetailSerializer)  # what the check is there for
