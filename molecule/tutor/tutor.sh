#!/bin/sh
# The real Tutor, from the folder that prepare.yml copied: its own script names the controller's Python.
PYTHONPATH=/opt/tutor exec python3 -c "from tutor.commands.cli import main; main()" "$@"
