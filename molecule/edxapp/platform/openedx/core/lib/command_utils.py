"""Checks of command options. Facts: edx-platform openedx/core/lib/command_utils.py."""

from django.core.management.base import CommandError
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey


def get_mutually_exclusive_required_option(options, *names):
    """Return the one option of `names` that was given. Raises CommandError for none and for several."""
    given = [name for name in names if options.get(name)]
    if len(given) == 1:
        return given[0]
    raise CommandError("Must specify exactly one of " + ", ".join(f"--{name}" for name in names))


def validate_dependent_option(options, name, needed):
    """Raise CommandError if option `name` was given without `needed`."""
    if options.get(name) and not options.get(needed):
        raise CommandError(f"Option --{name} requires option --{needed}.")


def parse_course_keys(texts):
    """Return the course keys of the texts. Raises CommandError at the first that is none."""
    keys = []
    for text in texts:
        try:
            keys.append(CourseKey.from_string(text))
        except InvalidKeyError as error:
            raise CommandError(f"Invalid key specified: {error}") from error
    return keys
