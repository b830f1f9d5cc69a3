"""What can go wrong with a request, in words for the person who made it.

Each error says what happened (`detail`) and, where there is one, what to do. The API renders them as
RFC 9457 problem details, the console as a message.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """`pointer` is a JSON Pointer into the request body, or a query parameter's name with `?` before it."""

    pointer: str
    detail: str


class FoldbackError(Exception):
    status = 500
    type = "internal"
    title = "Something went wrong"

    def __init__(self, detail: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class Invalid(FoldbackError):
    status = 400
    type = "invalid"
    title = "The request can't be used as it is"


class TooLarge(FoldbackError):
    status = 413
    type = "too-large"
    title = "The request is too large"


class Unprocessable(FoldbackError):
    status = 422
    type = "unprocessable"
    title = "The request is well formed, but can't be done"


class NotPermitted(FoldbackError):
    status = 403
    type = "not-permitted"
    title = "You may not do this"


class NotFound(FoldbackError):
    status = 404
    type = "not-found"
    title = "There is no such thing here"


class Conflict(FoldbackError):
    status = 409
    type = "conflict"
    title = "Someone else was there first"


class PreconditionFailed(FoldbackError):
    status = 412
    type = "precondition-failed"
    title = "It has changed since you read it"
