"""JSON bodies as RFC 8259 has them: UTF-8 whatever the header says, no NaN, no nesting that exhausts the stack."""

import json
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return json.loads(stream.read().decode(), parse_constant=_refuse)
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: byte {error.start} can't be read.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except json.JSONDecodeError as error:
            raise ParseError(
                f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
            ) from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
