#!/usr/bin/env python3
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    if sys.argv[1:2] == ["doctor"]:
        from config.doctor import examine_environment

        examine_environment()  # says all that is wrong in the environment, before settings refuse the first of it
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Foldback can't start: {error}")


if __name__ == "__main__":
    main()
