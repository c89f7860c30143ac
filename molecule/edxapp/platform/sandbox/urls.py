"""Pages of the LMS that measure what a learner waits for."""

from django.urls import path, re_path

from openedx.core.djangoapps.heartbeat.views import heartbeat
from sandbox.views import accounts, courses

COURSE_KEY = r"(?P<course_key_string>[^/+]+(/|\+)[^/+]+(/|\+)[^/?]+)"

lms = [
    path("heartbeat", heartbeat),
    path("login", accounts.login_page),
    path("csrf/api/v1/token", accounts.csrf_token),
    path("api/user/v1/me", accounts.me),
    re_path(r"^api/user/v[12]/account/login_session/$", accounts.login_session),
    re_path(r"^api/courses/v[12]/blocks/$", courses.blocks),
    re_path(rf"^api/course_home/outline/{COURSE_KEY}$", courses.outline),
]
cms = [path("heartbeat", heartbeat)]
