"""A person, wherever another object names one."""

from rest_framework import serializers

from common.models import Person


class PersonRef(serializers.ModelSerializer[Person]):
    class Meta:
        model = Person
        fields = ("id", "username", "name")
