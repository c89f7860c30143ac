# shellcheck shell=bash
# The memcached for the property tests of the sizing. Sourced by scripts/dev/setup.

readonly MEMCACHED_REMEDY="install memcached (Debian, Ubuntu: apt-get install memcached), or run this as root."

setup_memcached() {
  if ! command -v memcached >/dev/null; then
    if ! may_install; then
      die "memcached is missing, and only root on Debian or Ubuntu can install it." "$MEMCACHED_REMEDY"
    fi
    say "memcached: installing it"
    quietly memcached-packages "$MEMCACHED_REMEDY" apt_install memcached
  fi
  say "memcached: $(memcached --version) is ready"
}
