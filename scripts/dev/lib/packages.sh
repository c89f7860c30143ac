# shellcheck shell=bash
# Packages of the distribution: whether this user may install them here, and how. Sourced by scripts/dev/setup.

may_install() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# Another package run, such as a host's nightly upgrade, is waited for: at most ten minutes.
apt_install() {
  local -x DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=600 update -qq
  apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "$@"
}
