# shellcheck shell=bash
# The virtual environment of the controller. Sourced by scripts/dev/setup.

readonly PYTHON_REMEDY="install Python 3.11 or later with its venv module (Debian, Ubuntu: apt-get install python3 python3-venv)."

# A name on PATH is not enough: version managers leave stubs for missing versions, and Debian
# ships Python without ensurepip. So each candidate is run.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

setup_python() {
  local python version wanted
  if ! python=$(find_python); then
    if may_install; then
      say "python: no Python 3.11+ with venv found, installing python3-venv"
      quietly python-packages "$PYTHON_REMEDY" apt_install python3 python3-venv
    fi
    python=$(find_python) || die "No Python 3.11 or later with the modules venv and ensurepip was found." "$PYTHON_REMEDY"
  fi
  version=$("$python" --version)
  wanted=$(printf '%s\n' "$version" | digest requirements-dev.txt)
  if [ "$(cat "$venv/.digest" 2>/dev/null)" != "$wanted" ]; then
    say "python: installing requirements-dev.txt into .venv ($version, about a minute)"
    # A changed pin installs the difference; another Python recreates the environment.
    if [ "$("$venv/bin/python" --version 2>/dev/null)" != "$version" ]; then
      quietly python-venv "$PYTHON_REMEDY" "$python" -m venv --clear "$venv"
    fi
    activate_hook
    quietly python-packages "read the log; pip must reach a package index (its usual configuration is honoured)." \
      "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/requirements-dev.txt"
    printf '%s\n' "$wanted" >"$venv/.digest"
  fi
  say "python: .venv is ready"
}

# Makes `. .venv/bin/activate` sufficient for `molecule` by hand.
activate_hook() {
  ! grep --quiet 'Added by scripts/dev/setup' "$venv/bin/activate" || return 0
  cat >>"$venv/bin/activate" <<'HOOK'

# Added by scripts/dev/setup: the environment of the sandbox, once the engine has been set up.
if [ -r "$VIRTUAL_ENV/../.cache/environment.sh" ]; then
    . "$VIRTUAL_ENV/../.cache/environment.sh"
fi
HOOK
}
