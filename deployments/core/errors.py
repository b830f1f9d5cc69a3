"""What can be wrong with the definition when somebody asks for something, in words for them."""

from collections.abc import Sequence

from common.core.errors import FieldError, FoldbackError, Unprocessable
from deployments.core.definition.model import Problem

MAX_SHOWN = 50


class DefinitionUnavailable(FoldbackError):
    """There is no repository, or its remote does not answer: nothing can be compared or folded back."""

    status = 503
    type = "definition-unavailable"
    title = "The definition can't be reached"


class DefinitionBroken(Unprocessable):
    """The definition has problems at the revision that was asked for; `errors` lists them as file:line."""

    type = "definition-broken"
    title = "The definition can't be used as it is"

    def __init__(self, revision: str, problems: Sequence[Problem]) -> None:
        self.revision, self.problems = revision, tuple(problems)
        first = f"{problems[0]}" if problems else ""
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"The definition at {revision[:12]} has problems: {first}{more}",
            errors=[
                FieldError(place(problem), f"{problem.message} {problem.remedy}")
                for problem in problems[:MAX_SHOWN]
            ],
        )


def place(problem: Problem) -> str:
    return problem.path if problem.line is None else f"{problem.path}:{problem.line}"
