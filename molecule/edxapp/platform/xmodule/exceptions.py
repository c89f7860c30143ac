"""Exceptions of the course content. Facts: edx-platform xmodule/exceptions.py."""


class HeartbeatFailure(Exception):
    """A service that the platform needs doesn't answer."""

    def __init__(self, message, service):
        super().__init__(message)
        self.service = service
