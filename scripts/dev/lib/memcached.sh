# shellcheck shell=bash
# The memcached that the property tests hold the sizing against. Sourced by scripts/dev/setup.

readonly MEMCACHED_REMEDY="install memcached (Debian, Ubuntu: apt-get install memcached), or run this as root."

setup_memcached() {
  if ! command -v memcached >/dev/null; then
    if ! may_install; then
      die "There is no memcached, and it can be installed only by root on Debian or Ubuntu." "$MEMCACHED_REMEDY"
    fi
    say "memcached: installing it"
    quietly memcached-packages "$MEMCACHED_REMEDY" apt_install memcached
  fi
  say "memcached: $(memcached --version) is ready"
}
