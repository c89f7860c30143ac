# shellcheck shell=bash
# What the shell scripts of this repository share. Sourced, never run.
# Errors are two lines everywhere: the cause, and the remedy.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
state=$root/.cache
venv=$root/.venv
# Read by `.venv/bin/activate` too: what Ansible, Molecule and the container engine need in the environment.
environment_file=$state/environment.sh
export root state venv environment_file

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

die() { # cause, remedy
  printf '%s\nRemedy: %s\n' "$1" "$2" >&2
  exit 1
}

# Digest of the named files and of the text on standard input: folders are walked, names count as well as contents.
digest() {
  {
    cat
    (cd "$root" && find "$@" -type f ! -name '*.pyc' ! -path '*/.*_cache/*' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum)
  } | sha256sum | cut -c1-12
}

# Runs a long command with its output in .cache/logs/NAME.log; shows the end of it only if the command fails.
quietly() { # name, remedy, command...
  local name=$1 remedy=$2 log
  shift 2
  log=$state/logs/$name.log
  mkdir -p "$state/logs"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" | cut -c 1-400 >&2
    die "$name failed; the whole output is in .cache/logs/$name.log." "$remedy"
  fi
}
