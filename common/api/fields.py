"""Serializer fields whose errors say what to do."""

from typing import Any

from rest_framework import serializers


class ChoiceField(serializers.ChoiceField):
    """Names the choices when the value is none of them."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        known = ", ".join(str(choice) for choice in self.choices)
        self.error_messages = {
            **self.error_messages,
            "invalid_choice": f'"{{input}}" is not one of these: {known}.',
        }
