"""What Tutor's settings call of it."""


def configure(_command, _binary, user=None):
    """Do nothing: no submitted code is run here."""
