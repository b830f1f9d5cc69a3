"""What `manage.py doctor` tells before Django starts: settings refuse the first thing that is wrong, this tells all."""

import os
import sys

from common.core.environment import diagnose_environment, told


def examine_environment() -> None:
    """Prints what is wrong in the environment and ends with status 1; returns when nothing is."""
    wrong = [diagnosis for diagnosis in diagnose_environment(os.environ) if diagnosis.level == "wrong"]
    for diagnosis in wrong:
        print(told(diagnosis))
    if wrong:
        print(
            f"{len(wrong)} wrong in the environment; the rest can be examined when this is mended.",
            file=sys.stderr,
        )
        sys.exit(1)
