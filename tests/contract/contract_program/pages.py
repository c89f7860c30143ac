"""Pages that answer without a learner: the platform's health, the course blocks API's refusals, the login's."""

import json
from urllib.parse import urlencode

from contract_program.harness import row
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import resolve

BLOCKS = "/api/courses/v2/blocks/"


def status_of(path, **query):
    """Return the status of a page for somebody who is not logged in."""
    return Client(raise_request_exception=False).get(f"{path}?{urlencode(query)}").status_code


@row
def the_health_page_names_its_services(_course):
    answer = Client(raise_request_exception=False).get("/heartbeat")
    services = json.loads(answer.content)
    return {"status": answer.status_code, "services": {name: services[name]["status"] for name in sorted(services)}}


@row
def the_blocks_api_refuses_like_this(course):
    key = str(course.key)
    return {
        "no course": status_of(BLOCKS),
        "no key": status_of(BLOCKS, course_id="nonsense"),
        "no user": status_of(BLOCKS, course_id=key),
        "another user": status_of(BLOCKS, course_id=key, username="somebody"),
        "all blocks": status_of(BLOCKS, course_id=key, all_blocks="true"),
    }


@row
def the_site_says_who_is_logged_in(_course):
    path = "/api/user/v1/me"
    anonymous = Client(raise_request_exception=False)
    answers = {"anonymous": anonymous.get(path).status_code}
    answers["token"] = sorted(json.loads(anonymous.get("/csrf/api/v1/token").content))
    answers["its cookie"] = "csrftoken" in anonymous.cookies
    # The view alone: a test client's session is none to the platform's SafeSessionMiddleware.
    request = RequestFactory().get(path)
    request.user = get_user_model()(username="contract-learner", is_active=True)
    answer = resolve(path).func(request)
    if hasattr(answer, "render"):
        answer.render()
    answers["learner"] = json.loads(answer.content)
    return answers


@row
def the_login_refuses_like_this(_course):
    account = {"email": "nobody@example.com", "password": "no password"}
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    page = "/api/user/v1/account/login_session/"
    without_token = client.post(page, account).status_code
    client.get("/login")
    token = client.cookies["csrftoken"].value
    return {"no token": without_token, "no such account": client.post(page, account, HTTP_X_CSRFTOKEN=token).status_code}
