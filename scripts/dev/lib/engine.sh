# shellcheck shell=bash
# Finds podman or docker, or installs podman, and writes its configuration for this machine. Sourced by scripts/dev/setup.

readonly ENGINE_REMEDY="install podman (Debian, Ubuntu: apt-get install podman), or start the docker service, or run this as root."
readonly SSH_REMEDY="install ssh (Debian, Ubuntu: apt-get install openssh-client), or run this as root."

# A client on PATH is not enough: its engine must answer.
engine_answers() { # engine
  timeout 60 "$1" info >/dev/null 2>&1 </dev/null
}

find_engine() {
  local candidate
  for candidate in ${chosen:-podman docker}; do
    if command -v "$candidate" >/dev/null && engine_answers "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

setup_engine() {
  local chosen=${BLOCK_STRUCTURE_ENGINE:-} engine=''
  case $chosen in
    '' | podman | docker) ;;
    *) die "BLOCK_STRUCTURE_ENGINE is '$chosen'." "set it to podman or docker, or unset it." ;;
  esac
  mkdir -p "$state"
  write_configuration
  if ! engine=$(find_engine); then
    [ "$chosen" != docker ] || die "docker is not installed or its service does not answer." "$ENGINE_REMEDY"
    if ! may_install; then
      die "Neither podman nor docker answers, and only root on Debian or Ubuntu can install podman." "$ENGINE_REMEDY"
    fi
    say "engine: no podman and no docker answers, installing podman"
    quietly engine-packages "$ENGINE_REMEDY" apt_install podman runc netavark aardvark-dns iptables
    write_configuration
    engine=$(find_engine) || die "podman is installed, but 'podman info' fails." "run 'podman info' and fix what it reports."
  fi
  if ! command -v ssh >/dev/null; then
    may_install || die "The command ssh, which Ansible uses for the sandbox, is missing." "$SSH_REMEDY"
    quietly ssh-packages "$SSH_REMEDY" apt_install openssh-client
  fi
  cat >"$environment_file.new" <<EOF
# Written by scripts/dev/setup: sourced by .venv/bin/activate and by the scripts. The caller's choice takes precedence.
: "\${BLOCK_STRUCTURE_ENGINE:=$engine}"
export BLOCK_STRUCTURE_ENGINE
EOF
  if [ "${CONTAINERS_CONF:-}" = "$state/containers.conf" ]; then
    printf 'export CONTAINERS_CONF=%q\n' "$CONTAINERS_CONF" >>"$environment_file.new"
  fi
  mv "$environment_file.new" "$environment_file"
  export BLOCK_STRUCTURE_ENGINE=$engine
  say "engine: $engine is ready"
}

# Overrides the engine's configuration only on a machine where it cannot work:
# - crun refuses hybrid cgroups, runc accepts them;
# - without the right to raise limits, the engine's default limits fail, so they are set to those of the machine.
write_configuration() {
  local configuration=$state/containers.conf runtime='' ulimits=''
  if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] && command -v runc >/dev/null; then
    runtime='runtime = "runc"'
  fi
  if [ "$(id -u)" = 0 ] && ! may_raise_limits; then
    ulimits="default_ulimits = [\"nofile=$(ulimit -Hn):$(ulimit -Hn)\", \"nproc=$(lower "$(ulimit -Hu)" 32768)\"]"
  fi
  if [ -n "$runtime$ulimits" ]; then
    printf '[containers]\n%s\n[engine]\n%s\n' "$ulimits" "$runtime" >"$configuration"
    export CONTAINERS_CONF=$configuration
  fi
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
