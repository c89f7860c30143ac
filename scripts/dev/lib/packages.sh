# shellcheck shell=bash
# Packages of the distribution: whether this user may install them here, and how. Sourced by scripts/dev/setup.

may_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}
