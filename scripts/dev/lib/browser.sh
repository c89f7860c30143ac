# shellcheck shell=bash
# Tools for the report: Graphviz for call graphs, Chromium for tests and screenshots. Sourced by scripts/dev/setup.

readonly BROWSER_REMEDY="install chromium and graphviz (apt-get install chromium graphviz), or set BLOCK_STRUCTURE_CHROMIUM."

find_browser() {
  local candidate
  for candidate in ${BLOCK_STRUCTURE_CHROMIUM:-chromium chromium-browser google-chrome}; do
    # A name on PATH is not enough: Ubuntu has a stub that asks for a snap.
    if timeout 60 "$candidate" --version >/dev/null 2>&1 </dev/null; then return; fi
  done
  return 1
}

setup_browser() {
  if ! find_browser || ! command -v dot >/dev/null; then
    if ! may_install; then
      die "Chromium or Graphviz is missing, and only root on Debian can install them." "$BROWSER_REMEDY"
    fi
    say "browser: installing Chromium and Graphviz"
    quietly browser-packages "$BROWSER_REMEDY" apt_install chromium graphviz fonts-dejavu-core
    find_browser || die "Chromium is installed, but 'chromium --version' fails." "$BROWSER_REMEDY"
  fi
  say "browser: Chromium and Graphviz are ready"
}
