#!/bin/bash
# Moves the miniature edxapp of a native installation to /srv/openedx: other folders, names, owner and ports.
set -eu
mkdir -p /srv/openedx/etc
cp -a /edx/app/edxapp/edx-platform /srv/openedx/platform
cp -aL /edx/app/edxapp/venvs/edxapp /srv/openedx/venv
cp -a /edx/etc/lms.yml /srv/openedx/etc/lms.env.yml
cp -a /edx/etc/studio.yml /srv/openedx/etc/cms.env.yml
sed 's|/edx/app/edxapp/venvs/edxapp|/srv/openedx/venv|; s|/edx/etc/lms.yml|/srv/openedx/etc/lms.env.yml|
  s|/edx/etc/studio.yml|/srv/openedx/etc/cms.env.yml|; s|/edx/app/edxapp|/srv/openedx/etc|' \
  /edx/app/edxapp/edxapp_env >/srv/openedx/etc/environment
for system in lms cms; do
  sed 's|/edx/app/edxapp/edx-platform|/srv/openedx/platform|; s|0.0.0.0:80|0.0.0.0:81|' \
    "/edx/app/edxapp/${system}_gunicorn.py" >"/srv/openedx/etc/gunicorn_$system.py"
done
cp -a /edx/app/edxapp/.boto /srv/openedx/etc/.boto
chown -R openedx:openedx /srv/openedx /edx/var
rm -rf /edx/app /edx/bin /edx/etc
