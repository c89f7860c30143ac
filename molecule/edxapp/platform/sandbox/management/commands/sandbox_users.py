"""Create the sandbox's users: `manage.py lms sandbox_users`."""

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

PASSWORD = "edx"
USERS = {"learner": False, "staff": True}


class Command(BaseCommand):
    """Creates learner@example.com and staff@example.com, and prints how many were created."""

    help = "Create a learner and a member of staff."

    def handle(self, *_arguments, **_options):
        created = 0
        for name, is_staff in USERS.items():
            user, new = get_user_model().objects.get_or_create(
                username=name, defaults={"email": f"{name}@example.com", "is_staff": is_staff}
            )
            if new:
                user.set_password(PASSWORD)
                user.save()
                created += 1
        self.stdout.write(f"created {created} of {len(USERS)} users")
