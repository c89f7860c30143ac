"""The page that a load balancer asks. Facts: edx-platform openedx/core/djangoapps/heartbeat/views.py."""

import logging

from django.conf import settings
from django.http import JsonResponse
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


def heartbeat(request):
    """Return each check's result; status 503 if one failed. `?extended` asks the cache too."""
    checks = list(settings.HEARTBEAT_CHECKS)
    if "extended" in request.GET:
        checks += settings.HEARTBEAT_EXTENDED_CHECKS
    try:
        results = {name: {"status": well, "message": message} for name, well, message in map(_run, checks)}
        well = all(result["status"] for result in results.values())
    except Exception as error:
        well, results = False, {"error": str(error)}
    if not well:
        log.error("Heartbeat check failed (503): %s", results)
    return JsonResponse(results, status=200 if well else 503)


def _run(name):
    return import_string(name)()
