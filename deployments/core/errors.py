"""What can be wrong with the definition when somebody asks for something, in words for them."""

from collections.abc import Sequence

from common.core.errors import FieldError, FoldbackError, NotFound, Unprocessable
from deployments.core.definition.model import DefinitionError, Problem

MAX_SHOWN = 50


class DefinitionUnavailable(FoldbackError):
    """There is no repository, or its remote does not answer: nothing can be compared or folded back."""

    status = 503
    type = "definition-unavailable"
    title = "The definition can't be reached"


class NoSuchRevision(NotFound, LookupError):
    """The repository doesn't have this commit."""


class DefinitionBroken(Unprocessable, DefinitionError):
    """The definition has problems at the revision that was asked for; `errors` lists them by file and line."""

    type = "definition-broken"
    title = "The definition can't be used as it is"

    def __init__(self, revision: str, problems: Sequence[Problem]) -> None:
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"The definition at {revision[:14]} has problems: {problems[0]}{more}",
            errors=[FieldError("", str(problem)) for problem in problems[:MAX_SHOWN]],
        )
        self.revision = revision
        self.problems = tuple(problems)
        self.args = (self.detail,)
