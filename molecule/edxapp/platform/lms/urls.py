"""Pages of the LMS."""

from sandbox import urls

urlpatterns = urls.lms
