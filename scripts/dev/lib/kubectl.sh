# shellcheck shell=bash
# kubectl, whose kustomize renders what Tutor would apply to a cluster; no cluster is asked. Sourced by scripts/dev/setup.

readonly KUBECTL_REMEDY="install kubectl (Debian, Ubuntu: apt-get install kubernetes-client), or run this as root."

setup_kubectl() {
  if ! command -v kubectl >/dev/null; then
    if ! may_install; then
      die "kubectl is missing, and only root on Debian or Ubuntu can install it." "$KUBECTL_REMEDY"
    fi
    say "kubectl: installing it"
    quietly kubectl-packages "$KUBECTL_REMEDY" apt_install kubernetes-client
  fi
  say "kubectl: ready"
}
