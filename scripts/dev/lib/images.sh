# shellcheck shell=bash
# Builds the images of the sandbox, each once: the tag is the digest of all its sources. Sourced by scripts/dev/setup.

readonly REGISTRY_BASE=debian:bookworm
readonly NEEDED_GIB=6

setup_images() {
  [ -r "$environment_file" ] || setup_engine
  # shellcheck source=/dev/null
  . "$environment_file"
  # One build at a time for all checkouts of this user: the second reuses the images of the first.
  exec 9>"${TMPDIR:-/tmp}/block-structure-images-$(id -u).lock"
  flock 9
  local base lms cache s3
  base=$(printf '%s' "${BLOCK_STRUCTURE_BASE_IMAGE:-$REGISTRY_BASE}" | digest molecule/images/base)
  lms=$(printf '%s' "$base" | digest molecule/images/lms molecule/edxapp/requirements molecule/edxapp/platform)
  cache=$(printf '%s' "$base" | digest molecule/images/cache)
  s3=$(printf '%s' "$base" | digest molecule/images/s3)
  build_base "$base"
  build cache "$cache" "$base"
  build s3 "$s3" "$base"
  build lms "$lms" "$base"
  cat >"$state/images.yml" <<EOF
---
# Written by scripts/dev/setup: the images that the sandbox starts from.
sandbox_images:
  lms1: localhost/block-structure-lms:$lms
  cache1: localhost/block-structure-cache:$cache
  s3: localhost/block-structure-s3:$s3
sandbox_prepared_digest: $(printf '%s' "$lms" | digest molecule/edxapp molecule/shared/prepare.yml molecule/shared/tasks/keep.yml)
EOF
  exec 9>&-
  say "images: ready"
}

image_present() { # name, tag
  "$BLOCK_STRUCTURE_ENGINE" image inspect "localhost/block-structure-$1:$2" >/dev/null 2>&1 </dev/null
}

require_space() {
  local storage free
  if [ "$BLOCK_STRUCTURE_ENGINE" = podman ]; then
    storage=$(podman info --format '{{.Store.GraphRoot}}')
  else
    storage=$(docker info --format '{{.DockerRootDir}}')
  fi
  [ -d "$storage" ] || storage=/
  free=$(df --output=avail --block-size=1G "$storage" | tail -n 1)
  if [ "$free" -lt "$NEEDED_GIB" ]; then
    die "The images need $NEEDED_GIB GiB in $storage, and ${free// /} GiB are free." \
      "free some space there ('$BLOCK_STRUCTURE_ENGINE system prune' removes unused images), or point the engine's storage elsewhere."
  fi
}

# Build secrets need BuildKit: part of docker's client up to version 22, a separate component since.
require_buildkit() {
  local version
  [ "$BLOCK_STRUCTURE_ENGINE" = docker ] || return 0
  version=$(docker version --format '{{.Client.Version}}')
  if [ "${version%%.*}" -ge 23 ] && ! docker buildx version >/dev/null 2>&1 </dev/null; then
    die "docker $version has no buildx component, which builds the images." \
      "install docker-buildx (from docker's own packages: docker-buildx-plugin), or set BLOCK_STRUCTURE_ENGINE to podman."
  fi
}

# The host's package configuration for a build: index URLs that a container can reach, and the certificates that the host
# trusts. Both are build secrets: no image keeps them.
prepare_build() {
  local bundle
  [ -z "${build_prepared:-}" ] || return 0
  build_prepared=yes
  # Older dockers need this for build secrets; podman ignores it.
  export DOCKER_BUILDKIT=1
  require_buildkit
  require_space
  rm -rf "$state/build"
  mkdir -p "$state/build"
  "$venv/bin/python" "$root/scripts/dev/lib/pip_for_builds.py" >"$state/build/pip.conf"
  : >"$state/build/certificates.pem"
  for bundle in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    if [ -n "$bundle" ] && [ -r "$bundle" ]; then
      cp "$bundle" "$state/build/certificates.pem"
      break
    fi
  done
}

build() { # name, tag, tag of the base
  image_present "$1" "$2" && return
  prepare_build
  say "images: building $1"
  quietly "image-$1" "read the log; the build must reach the package archives that this machine uses." \
    "$BLOCK_STRUCTURE_ENGINE" build \
    --build-arg "BASE=localhost/block-structure-base:$3" \
    --secret "id=pip.conf,src=$state/build/pip.conf" \
    --secret "id=certificates.pem,src=$state/build/certificates.pem" \
    --tag "localhost/block-structure-$1:$2" \
    --file "$root/molecule/images/$1/Containerfile" \
    "$root/molecule"
  remove_older "block-structure-$1" "$2"
  # Hosts prepared on an older image would never be used again.
  [ "$1" != lms ] || remove_older block-structure-lms1-prepared ''
}

# Otherwise a changed image leaves gigabytes behind. Keeps images that a container uses, and all of them if several checkouts
# share one engine (BLOCK_STRUCTURE_KEEP_IMAGES).
remove_older() { # repository, tag to keep
  local image
  [ -z "${BLOCK_STRUCTURE_KEEP_IMAGES:-}" ] || return 0
  "$BLOCK_STRUCTURE_ENGINE" images --format '{{.Repository}}:{{.Tag}}' | sed -n "/^localhost\/$1:/p" |
    while read -r image; do
      [ "$image" = "localhost/$1:$2" ] || "$BLOCK_STRUCTURE_ENGINE" rmi "$image" >/dev/null 2>&1 </dev/null || true
    done
}

build_base() { # tag
  image_present base "$1" && return
  prepare_build
  local from=${BLOCK_STRUCTURE_BASE_IMAGE:-$REGISTRY_BASE}
  if ! "$BLOCK_STRUCTURE_ENGINE" image inspect "$from" >/dev/null 2>&1 </dev/null &&
    ! timeout 300 "$BLOCK_STRUCTURE_ENGINE" pull "$from" >"$state/logs/image-pull.log" 2>&1 </dev/null; then
    [ -z "${BLOCK_STRUCTURE_BASE_IMAGE:-}" ] ||
      die "The image $from is not on this machine and cannot be pulled." "correct or unset BLOCK_STRUCTURE_BASE_IMAGE."
    say "images: no container registry can be reached, making a base image from this machine's own package sources"
    from=localhost/block-structure-bootstrap:latest
    bootstrap "$from"
  fi
  say "images: building base"
  quietly image-base "read the log; the build must reach the package archives that this machine uses." \
    "$BLOCK_STRUCTURE_ENGINE" build --build-arg "BASE=$from" --tag "localhost/block-structure-base:$1" \
    --file "$root/molecule/images/base/Containerfile" "$root/molecule/images/base"
}

# The container then has the distribution of the host. Archive dates are not checked: the host's package sources may be a
# snapshot.
bootstrap() { # tag
  local sources archive=$state/build/base.tar
  if ! command -v mmdebstrap >/dev/null; then
    [ "$(id -u)" = 0 ] || die "No container registry can be reached, and mmdebstrap, which builds a base image, is not installed." \
      "install mmdebstrap, or name a local Debian or Ubuntu image in BLOCK_STRUCTURE_BASE_IMAGE."
    quietly bootstrap-packages "install mmdebstrap by hand." apt_install mmdebstrap
  fi
  for sources in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources /etc/apt/sources.list; do
    if [ -s "$sources" ]; then break; fi
  done
  [ -s "$sources" ] || die "No container registry can be reached, and this machine has no Debian or Ubuntu package sources." \
    "name a local Debian or Ubuntu image in BLOCK_STRUCTURE_BASE_IMAGE."
  quietly bootstrap "read the log; $sources must name archives that this machine reaches." \
    mmdebstrap --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
    '' "$archive" "$sources"
  quietly bootstrap-import "read the log; '$BLOCK_STRUCTURE_ENGINE import' must work." \
    "$BLOCK_STRUCTURE_ENGINE" import "$archive" "$1"
  rm -f "$archive"
}
