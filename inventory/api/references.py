"""Names in a request's body that stand for records: a team, a credential, a person, a host."""

from typing import Any

from common.api.views import find_by_reference
from common.core.errors import FieldError, Invalid, NotFound
from common.models import Person
from inventory.models import Credential, Host, Site, Team


def find_host(text: str) -> Host:
    """The host with this name or id, with its team and credential; else NotFound."""
    hosts = Host.objects.select_related("team", "credential", "jump_host")
    return find_by_reference(hosts, text, name_field="name")


def find_team(text: str) -> Team:
    return find_by_reference(Team.objects.select_related("lead"), text, name_field="name")


def find_site(text: str) -> Site:
    return find_by_reference(Site.objects.all(), text, name_field="name")


def find_credential(text: str) -> Credential:
    return find_by_reference(Credential.objects.all(), text, name_field="name")


def named(field: str, finder: Any, text: str | None) -> Any:
    """The record that a field of the body names, or None; an unknown one is Invalid and points at the field."""
    if not text:
        return None
    try:
        return finder(text)
    except NotFound as error:
        raise Invalid(f"{field}: {error.detail}", errors=[FieldError(f"/{field}", error.detail)]) from None


def find_person(text: str) -> Person:
    return find_by_reference(Person.objects.all(), text, name_field="username")
