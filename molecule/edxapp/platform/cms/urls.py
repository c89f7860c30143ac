"""Pages of Studio."""

from sandbox import urls

urlpatterns = urls.cms
