#!/bin/bash
# Starts a service of the miniature edxapp in its environment: run.sh COMMAND ARGUMENT ...
set -eu
# shellcheck source=/dev/null
. /edx/app/edxapp/edxapp_env
cd /edx/app/edxapp/edx-platform
exec "$@"
