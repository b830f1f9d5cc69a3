"""A person, wherever another object names one."""

from common.api.serializers import RecordSerializer
from common.models import Person


class PersonRef(RecordSerializer[Person]):
    class Meta:
        model = Person
        fields = ("id", "username", "name")
