# shellcheck shell=bash
# Shared parts of the shell scripts of this repository. Sourced, never run.
# Every error has two lines: cause and remedy.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
state=$root/.cache
venv=$root/.venv
# Environment of Ansible, Molecule and the container engine; also read by `.venv/bin/activate`.
environment_file=$state/environment.sh
export root state venv environment_file

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

die() { # cause, remedy
  printf '%s\nRemedy: %s\n' "$1" "$2" >&2
  exit 1
}

# Digest of the given files and directories (names and contents) and of the text on standard input.
digest() {
  {
    cat
    (cd "$root" && find "$@" -type f ! -name '*.pyc' ! -path '*/.*_cache/*' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum)
  } | sha256sum | cut -c1-12
}

# Runs a long command with its output in .cache/logs/NAME.log; shows its end only if the command fails.
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
