from typing import ClassVar

from web.forms.base import ConsoleForm, SelectorField


class ScanForm(ConsoleForm):
    pointers: ClassVar[dict[str, str]] = {"hosts": "selector"}

    selector = SelectorField(
        label="Which hosts",
        help_text="role=web env=prod, web-[1-37], -name=web-9; * is every host.",
        error_messages={"required": "Say which hosts; * is every host."},
    )
