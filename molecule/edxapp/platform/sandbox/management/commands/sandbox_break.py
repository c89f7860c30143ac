"""Make a course fail to collect, or heal it: `manage.py cms sandbox_break COURSE [--heal]`."""

from django.core.management.base import BaseCommand

from sandbox.editing import edit_and_publish

BROKEN = "<problem><p>No end tag</problem>"
SOUND = "<problem><multiplechoiceresponse/></problem>"


class Command(BaseCommand):
    """Publishes a problem whose XML doesn't parse. A rebuild of the course then raises XMLSyntaxError."""

    help = "Publish a problem that doesn't parse."

    def add_arguments(self, parser):
        parser.add_argument("course", help="Course key.")
        parser.add_argument("--heal", action="store_true", help="Publish one that does parse in its place.")

    def handle(self, *_arguments, **options):
        usage_key = edit_and_publish(options["course"], "problem", {"data": SOUND if options["heal"] else BROKEN})
        self.stdout.write(f"published {usage_key}")
