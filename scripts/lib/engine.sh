# shellcheck shell=bash
# Finds podman or docker, or installs podman, and writes what either needs on this machine. Sourced by scripts/setup.

readonly ENGINE_REMEDY="install podman (Debian, Ubuntu: apt-get install podman), or start the docker service, or run this as root."

# A client on PATH proves nothing: the engine behind it must answer.
engine_answers() { # engine
  timeout 60 "$1" info >/dev/null 2>&1 </dev/null
}

find_engine() {
  local candidate
  for candidate in ${BLOCK_STRUCTURE_ENGINE:-podman docker}; do
    if command -v "$candidate" >/dev/null && engine_answers "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

setup_engine() {
  case ${BLOCK_STRUCTURE_ENGINE:-podman} in
    podman | docker) ;;
    *) die "BLOCK_STRUCTURE_ENGINE is '$BLOCK_STRUCTURE_ENGINE'." "set it to podman or docker, or unset it." ;;
  esac
  mkdir -p "$state"
  write_environment
  # shellcheck source=/dev/null
  . "$environment_file"
  if ! engine=$(find_engine); then
    [ "${BLOCK_STRUCTURE_ENGINE:-podman}" = podman ] || die "docker is not installed or its service does not answer." "$ENGINE_REMEDY"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      die "Neither podman nor docker answers, and podman can be installed only by root on Debian or Ubuntu." "$ENGINE_REMEDY"
    fi
    say "engine: no podman and no docker answers, installing podman"
    quietly engine-packages "$ENGINE_REMEDY" apt_install podman runc netavark aardvark-dns iptables
    write_environment
    # shellcheck source=/dev/null
    . "$environment_file"
    engine=$(find_engine) || die "podman is installed, but 'podman info' fails." "run 'podman info' and cure what it says."
  fi
  write_environment
  say "engine: $engine is ready"
}

# The environment of every later command. The engine's own configuration is replaced only on a machine where it cannot work:
# - crun refuses hybrid cgroups, runc takes them;
# - without the right to raise limits, the engine's default limits are refused: they are set to what the machine allows.
write_environment() {
  local configuration=$state/containers.conf runtime='' ulimits=''
  if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] && command -v runc >/dev/null; then
    runtime='runtime = "runc"'
  fi
  if [ "$(id -u)" = 0 ] && ! may_raise_limits; then
    ulimits="default_ulimits = [\"nofile=$(ulimit -Hn):$(ulimit -Hn)\", \"nproc=$(lower "$(ulimit -Hu)" 32768)\"]"
  fi
  {
    printf '# Written by scripts/setup: sourced by .venv/bin/activate and by the scripts.\n'
    printf 'export BLOCK_STRUCTURE_ENGINE=%s\n' "${engine:-${BLOCK_STRUCTURE_ENGINE:-podman}}"
    if [ -n "$runtime$ulimits" ]; then
      printf '[containers]\n%s\n[engine]\n%s\n' "$ulimits" "$runtime" >"$configuration"
      printf 'export CONTAINERS_CONF=%q\n' "$configuration"
    fi
  } >"$environment_file.new"
  mv "$environment_file.new" "$environment_file"
}

may_raise_limits() {
  # CAP_SYS_RESOURCE is bit 24 of the effective capabilities.
  local effective
  effective=$(sed -n 's/^CapEff:\t*//p' /proc/self/status)
  (((16#$effective >> 24) & 1))
}

lower() { # two numbers, or "unlimited" and a number; prints "N:N"
  local least=$2
  if [ "$1" != unlimited ] && [ "$1" -lt "$2" ]; then least=$1; fi
  printf '%s:%s' "$least" "$least"
}
