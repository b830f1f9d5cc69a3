"""People, the tokens programs use, and one-time sign-in links."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from common.core import roles
from common.models.base import Record

ROLE_CHOICES = [(role, role) for role in roles.ROLES]


class PersonManager(BaseUserManager["Person"]):
    def create_person(
        self, username: str, *, name: str, role: str, email: str = "", password: str | None = None
    ) -> Any:
        person = self.model(username=username, name=name, role=role, email=email)
        person.set_password(password)
        person.save()
        return person


class Person(Record, AbstractBaseUser):
    """Somebody who can answer for a change."""

    username = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=32, choices=ROLE_CHOICES)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, db_default=1)

    objects: ClassVar[PersonManager] = PersonManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name_plural = "people"
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=[role for role in roles.ROLES if role != roles.AUTOMATION]),
                name="person_role_is_a_persons",
            )
        ]

    def __str__(self) -> str:
        return self.username


class Token(Record):
    """`fb_<prefix>_<secret>`, kept as a SHA-256 hash. Every token has a sponsor who answers for its acts.

    With the role `automation` it is a program; with a person's role it acts as its sponsor, never with more
    than the sponsor's own rights.
    """

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    role = models.CharField(max_length=32, choices=ROLE_CHOICES)
    sponsor = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="tokens")
    scopes = models.JSONField(default=list)  # permissions it is narrowed to; empty: all of its role
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)


class LoginLink(Record):
    """A sign-in link that works once, for first steps and demonstrations; kept as a hash."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="login_links")
    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
