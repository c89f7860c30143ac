"""Session login with a CSRF token, and who is logged in.

Facts: edx-platform openedx/core/djangoapps/user_authn/views/login.py and user_api/accounts/views.py; csrf/api/v1 of
edx-drf-extensions.
"""

from django.contrib.auth import authenticate, get_user_model, login
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

REFUSED = "Email or password is incorrect."


@ensure_csrf_cookie
def login_page(_request):
    """Set the CSRF cookie that the login needs."""
    return HttpResponse("<!doctype html><title>Sign in</title><p>Sign in</p>")


def csrf_token(request):
    """Return a CSRF token, and set its cookie."""
    return JsonResponse({"csrfToken": get_token(request)})


def me(request):
    """Return the username of the session; 401 without one."""
    if not request.user.is_authenticated:
        return JsonResponse({"detail": "Authentication credentials were not provided."}, status=401)
    return JsonResponse({"username": request.user.username})


@require_POST
def login_session(request):
    """Log in by `email` (or `email_or_username`) and `password`; 403 without a CSRF token, 400 for wrong ones."""
    name = request.POST.get("email") or request.POST.get("email_or_username") or ""
    users = get_user_model().objects
    known = users.filter(email=name).first() or users.filter(username=name).first()
    password = request.POST.get("password", "")
    user = authenticate(request, username=known.username, password=password) if known else None
    if user is None:
        body = {"success": False, "value": REFUSED, "error_code": "incorrect-email-or-password", "email": name}
        return JsonResponse(body, status=400)
    login(request, user)
    return JsonResponse({"success": True, "redirect_url": "/dashboard"})
