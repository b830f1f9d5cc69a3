"""One host's fields, checked the same way whichever format they came from."""

from collections.abc import Mapping
from typing import Any

from inventory.core.host_fields import TRANSPORTS, jump_host_problem, root_problem
from inventory.core.imports.groups import Located
from inventory.core.imports.plan import Findings, HostRow
from inventory.core.names import address_problem, host_name_problem, shown, user_problem, word_problem
from inventory.core.variables import (
    MAX_BYTES,
    has_reference,
    secret_in,
    size_of,
    value_problem,
    vaulted_in,
)

_SECRET = "it looks like a secret, which pages would show to everybody; declare its file as `secret:` in the definition"


class RowBuilder:
    """Builds rows from located values, adding to `findings` whatever is wrong with them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._names: dict[str, tuple[str, int]] = {}

    def name(self, name: str, line: int) -> bool:
        """Check a host's name, also against names that differ only in case; whether it can be used."""
        problem = host_name_problem(name)
        if problem:
            self._findings.problem(
                line, problem, "Give the host such a name; its address goes into ansible_host or address."
            )
            return False
        other, other_line = self._names.setdefault(name.lower(), (name, line))
        if other != name:
            self._findings.problem(
                line,
                f"{name} and {other} (line {other_line}) differ only in upper and lower case",
                "Host names are the same in either case: write one of them everywhere.",
            )
            return False
        return True

    def word(self, kind: str, located: Located | None) -> str | None:
        text = self.text(kind, located)
        if text is None or located is None:
            return None
        problem = word_problem(kind, text)
        if problem:
            self._findings.problem(located.line, problem, f"Choose another {kind}.")
        return text

    def address(self, located: Located | None) -> str | None:
        text = self.text("address", located)
        if text is None or located is None:
            return None
        problem = address_problem(text)
        if problem:
            self._findings.problem(
                located.line, problem, "Write a name that resolves, or an address like 10.0.0.5."
            )
        return text

    def user(self, located: Located | None) -> str | None:
        text = self.text("user", located)
        if text is None or located is None:
            return None
        problem = user_problem(text)
        if problem:
            self._findings.problem(located.line, problem, "Write the account that Foldback logs in as.")
        return text

    def port(self, located: Located | None) -> int | None:
        if located is None or located.value is None:
            return None
        value = located.value
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            value = int(value.strip()[:9])
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
            return value
        self._findings.problem(
            located.line, f"{shown(located.value)} is not a port", "Write a number from 1 to 65535."
        )
        return None

    def transport(self, located: Located | None, root: Located | None) -> tuple[str | None, str | None]:
        """The transport with its root: `local` needs an absolute folder, `ssh` has none."""
        transport = self.text("transport", located)
        root_text = self.text("root", root)
        line = (root or located or Located(None, 0)).line
        if transport not in (None, *TRANSPORTS):
            self._findings.problem(
                line, f"{shown(transport)} is not a transport", "Write ssh, or local with a root folder."
            )
        elif problem := root_problem(transport or "ssh", root_text or ""):
            self._findings.problem(
                line, problem, "Write the transport local with a root such as /srv/image, or ssh without one."
            )
        return transport, root_text

    def jump_host(self, name: str, transport: str | None, located: Located | None) -> str | None:
        text = self.text("jump_host", located)
        if text is None or located is None:
            return None
        problem = host_name_problem(text) or jump_host_problem(name, transport or "ssh", text)
        if problem:
            self._findings.problem(located.line, problem, "Write the name of another host, reached by ssh.")
        return text

    def variables(self, values: Mapping[str, Located], line: int) -> dict[str, Any]:
        """The values that can be stored; secrets are left out with a note, encrypted ones are a problem."""
        kept: dict[str, Any] = {}
        for name, located in values.items():
            value = located.value
            encrypted = vaulted_in(name, value)
            if encrypted:
                self._findings.problem(
                    located.line,
                    f"{encrypted} is encrypted with ansible-vault",
                    "Remove it from what you import, and declare the file that needs it as `secret:` in the "
                    "definition; Foldback neither stores nor decrypts vault values.",
                )
                continue
            problem = value_problem(name, value)
            if problem:
                self._findings.problem(located.line, problem, "Rename or remove the variable.")
                continue
            secret = secret_in(name, value)
            if secret:
                self._findings.left_out(secret, located.line, _SECRET)
                continue
            if has_reference(value):
                self._findings.left_out(
                    name, located.line, "it is a template of Ansible's, which Foldback doesn't resolve"
                )
                continue
            kept[name] = value
        if size_of(kept) > MAX_BYTES:
            self._findings.problem(
                line,
                f"the variables of one host have at most {MAX_BYTES:,} bytes as JSON",
                "Move large values into files of the definition.",
            )
        return kept

    def text(self, kind: str, located: Located | None) -> str | None:
        """A plain text, or None when nothing is said; a number counts as its digits."""
        if located is None or located.value is None or located.value == "":
            return None
        value = located.value
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            self._findings.problem(located.line, f"the {kind} is not a text", "Write it as plain text.")
            return None
        if has_reference(value):
            self._findings.problem(
                located.line,
                f"the {kind} is a template of Ansible's ({shown(value)})",
                "Write the value itself.",
            )
            return None
        return value


def check_rows(rows: list[HostRow], findings: Findings) -> None:
    """What only shows over all rows: an inventory without any host is a problem, too."""
    if not rows and not findings.problems:
        findings.problem(
            0, "there is no host in this inventory", "Check that it is the right file, and its format."
        )
