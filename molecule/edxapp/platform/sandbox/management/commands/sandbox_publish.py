"""Edit a block of a course and publish it: `manage.py cms sandbox_publish COURSE`."""

from django.core.management.base import BaseCommand

from sandbox.editing import edit_and_publish


class Command(BaseCommand):
    """Renames the first unit of a course and publishes the course. The publish signal goes to Celery."""

    help = "Edit a unit and publish the course."

    def add_arguments(self, parser):
        parser.add_argument("course", help="Course key.")
        parser.add_argument("--title", default="Edited", help="New name of the unit.")

    def handle(self, *_arguments, **options):
        usage_key = edit_and_publish(options["course"], "vertical", {"display_name": options["title"]})
        self.stdout.write(f"published {usage_key}")
