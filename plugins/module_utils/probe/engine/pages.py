"""Open pages of the LMS inside this process, as a user and without a session."""

from __future__ import absolute_import

from . import edxapp


def site_host():
    """Return the name, with a port if it has one, by which the LMS is asked for its site."""
    from django.conf import settings

    return str(getattr(settings, "LMS_BASE", None) or getattr(settings, "SITE_NAME", None) or "localhost")


def find_user(name=None):
    """Return the named user, else the first active superuser or staff member. Raises LookupError."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    if name:
        found = users.filter(username=name).first()
    else:
        active = users.filter(is_active=True).order_by("id")
        found = active.filter(is_superuser=True).first() or active.filter(is_staff=True).first()
    if found is None:
        raise LookupError("there is no user %s" % name if name else "there is no active superuser or staff member")
    return found


def opener(user):
    """Return ask(path) -> response, which runs the platform's full request handling with this user.

    The request goes through the platform's own middleware and view. It carries no cookie: the user is set after the session
    middleware, so that no session is created.
    """
    from django.conf import settings
    from django.core.handlers.base import BaseHandler
    from django.test.client import RequestFactory

    class Handler(BaseHandler):
        def _get_response(self, request):
            request.user = request._cached_user = user
            return BaseHandler._get_response(self, request)

    handler = Handler()
    handler.load_middleware()
    host = site_host().split(":")[0]
    if host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS = [host]  # in this process only
    factory = RequestFactory(SERVER_NAME=host)

    def ask(path):
        edxapp.forget_request()
        return handler.get_response(factory.get(path, secure=True))

    return ask
