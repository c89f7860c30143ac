# shellcheck shell=bash
# Prometheus and promtool, for the tests of docs/monitoring. Sourced by scripts/dev/setup.

readonly MONITORING_REMEDY="install Prometheus and systemd (Debian, Ubuntu: apt-get install prometheus systemd), or run this as root."

setup_monitoring() {
  if ! command -v promtool >/dev/null || ! command -v systemd-analyze >/dev/null; then
    if ! may_install; then
      die "promtool or systemd-analyze is missing, and only root on Debian or Ubuntu can install it." "$MONITORING_REMEDY"
    fi
    say "monitoring: installing Prometheus"
    quietly monitoring-packages "$MONITORING_REMEDY" apt_install prometheus systemd
  fi
  say "monitoring: promtool and systemd-analyze are ready"
}
