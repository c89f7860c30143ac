# shellcheck shell=bash
# OpenStack Swift for the tests of other stores: its libraries for the system's Python, no service. Sourced by scripts/dev/setup.

readonly STORES_REMEDY="install python3-swift (Debian, Ubuntu: apt-get install python3-swift), or run this as root."

setup_stores() {
  if ! /usr/bin/python3 -c 'import swift' 2>/dev/null; then
    if ! may_install; then
      die "OpenStack Swift is missing, and only root on Debian or Ubuntu can install it." "$STORES_REMEDY"
    fi
    say "stores: installing OpenStack Swift"
    quietly stores-packages "$STORES_REMEDY" apt_install python3-swift
  fi
  say "stores: Swift $(/usr/bin/python3 -c 'import swift; print(swift.__version__)') is ready"
}
