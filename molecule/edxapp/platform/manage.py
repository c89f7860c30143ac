#!/usr/bin/env python
"""Run a Django command of one of the two systems: `manage.py lms|cms [--settings NAME] COMMAND ...`.

`--settings` names a module of `lms.envs` or `cms.envs`; without it EDX_PLATFORM_SETTINGS does, and without both the
platform's own development default, which this project does not carry. Facts: edx-platform manage.py.
"""

import argparse
import os
import sys

from sandbox import boots

SYSTEMS = {"lms": "Learning Management System", "cms": "Studio"}


def parse(arguments):
    """Return (system, settings or None, arguments for Django)."""
    parser = argparse.ArgumentParser()
    systems = parser.add_subparsers(title="system", dest="system", required=True)
    for name, title in SYSTEMS.items():
        system = systems.add_parser(name, help=title, add_help=False)
        system.add_argument("--settings", default=None)
        system.add_argument("--service-variant", default=name)
    own, for_django = parser.parse_known_args(arguments)
    return own, for_django


def main():
    own, for_django = parse(sys.argv[1:])
    if own.settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = f"{own.system}.envs.{own.settings}"
    elif os.environ.get("EDX_PLATFORM_SETTINGS") and not os.environ.get("DJANGO_SETTINGS_MODULE"):
        os.environ["DJANGO_SETTINGS_MODULE"] = f"{own.system}.envs.{os.environ['EDX_PLATFORM_SETTINGS']}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{own.system}.envs.devstack_docker")
    os.environ.setdefault("SERVICE_VARIANT", own.service_variant)
    boots.record(own.system, for_django)

    from openedx.core.lib.safe_lxml import defuse_xml_libs

    defuse_xml_libs()

    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], *for_django])


if __name__ == "__main__":
    main()
