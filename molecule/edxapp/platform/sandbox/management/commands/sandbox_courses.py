"""Create courses: `manage.py cms sandbox_courses --profile small|full`, or `--blocks N [--count N] [--org ORG]`."""

from django.core.management.base import BaseCommand, CommandError

from sandbox import course_builder
from sandbox.profiles import ORG, PROFILES, RUN, Course


class Command(BaseCommand):
    """Creates the courses that don't exist yet, and prints how many it created."""

    help = "Create deterministic courses."

    def add_arguments(self, parser):
        parser.add_argument("--profile", choices=sorted(PROFILES), help="A set of courses.")
        parser.add_argument("--blocks", type=int, help="Blocks of each course.")
        parser.add_argument("--count", type=int, default=1, help="How many courses of --blocks.")
        parser.add_argument("--org", default=ORG, help="Organization of courses of --blocks.")
        parser.add_argument("--name_length", type=int, default=0, help="Random characters in names, with --blocks.")

    def handle(self, *_arguments, **options):
        courses = self._courses(options)
        created = sum(course_builder.create(course, RUN) for course in courses)
        self.stdout.write(f"created {created} of {len(courses)} courses")

    def _courses(self, options):
        if (options["profile"] is None) == (options["blocks"] is None):
            raise CommandError("Give either --profile or --blocks.")
        if options["profile"]:
            return PROFILES[options["profile"]]
        return [
            Course(f"B{options['blocks']}N{number:04d}", options["blocks"], options["name_length"], options["org"])
            for number in range(1, options["count"] + 1)
        ]
