"""What gunicorn serves for Studio."""

import os

from django.core.wsgi import get_wsgi_application

from openedx.core.lib.safe_lxml import defuse_xml_libs

defuse_xml_libs()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms.envs.production")
os.environ.setdefault("SERVICE_VARIANT", "cms")
application = get_wsgi_application()
