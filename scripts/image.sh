#!/usr/bin/env bash
# Build and test the image with whatever container engine is here: image.sh engine|build|test PYTHON|check PYTHON|stop
#
# Takes, in this order: a Docker engine that runs, a private one that it starts (as root, where dockerd is installed),
# podman. Where the base image cannot be pulled, a stand-in is made from Debian's packages, if mmdebstrap is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-sway-gate:local}
BASE_IMAGE=${BASE_IMAGE:-python:3.11-slim-bookworm}
TORCH_INDEX_URL=${TORCH_INDEX_URL:-}
STATE=${SWAY_ENGINE_DIR:-${TMPDIR:-/tmp}/sway-engine}
HOW="install docker.io (or podman), and mmdebstrap where images cannot be pulled"

say() { printf '%s\n' "$*" >&2; }

engine() { # prints the command that speaks to an engine
  local client
  client=$(client_of docker)
  if [ -n "$client" ] && $client info >/dev/null 2>&1; then echo "$client"; return; fi
  if [ -n "$client" ] && command -v dockerd >/dev/null && [ "$(id -u)" = 0 ]; then
    start_docker "$client" && { echo "$client --host unix://$STATE/docker.sock"; return; }
  fi
  if command -v podman >/dev/null; then
    if command -v runc >/dev/null; then echo "podman --runtime runc"; else echo podman; fi
    return
  fi
  say "no container engine is here: $HOW"
  return 3
}

client_of() { # the packaged client first: it builds without plug-ins
  if [ -x "/usr/bin/$1" ]; then echo "/usr/bin/$1"; else command -v "$1" || true; fi
}

start_docker() {
  mkdir -p "$STATE"
  local client="$1 --host unix://$STATE/docker.sock"
  $client info >/dev/null 2>&1 && return
  # No bridge: where rules of the kernel's packet filter may not be written, builds use the host's network.
  setsid dockerd --host "unix://$STATE/docker.sock" --data-root "$STATE/data" --exec-root "$STATE/exec" \
    --pidfile "$STATE/docker.pid" --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --oom-score-adjust 0 --exec-opt native.cgroupdriver=cgroupfs >"$STATE/log" 2>&1 </dev/null &
  for _ in $(seq 90); do
    $client info >/dev/null 2>&1 && return
    sleep 0.5
  done
  say "a private Docker engine did not start: $(tail -n 1 "$STATE/log")"
  return 1
}

stop_docker() { # stops the engine that start_docker started, if any
  [ -s "$STATE/docker.pid" ] || return 0
  local pid
  pid=$(cat "$STATE/docker.pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
}

base_image() { # prints the base to build on
  if $ENGINE image inspect "$BASE_IMAGE" >/dev/null 2>&1 || $ENGINE pull --quiet "$BASE_IMAGE" >/dev/null 2>&1; then
    echo "$BASE_IMAGE"
    return
  fi
  local made=sway-base:bookworm
  if ! $ENGINE image inspect "$made" >/dev/null 2>&1; then
    command -v mmdebstrap >/dev/null || { say "cannot pull $BASE_IMAGE, and there is no mmdebstrap: $HOW"; return 3; }
    say "cannot pull $BASE_IMAGE: making a stand-in from Debian's packages"
    local tree
    tree=$(mktemp)
    # shellcheck disable=SC2016
    mmdebstrap --quiet --format=tar --variant=minbase --include=python3,python3-venv,ca-certificates,netbase \
      --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
      --customize-hook='rm -f "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED' bookworm "$tree" >&2
    $ENGINE import --change 'CMD ["python3"]' "$tree" "$made" >/dev/null
    rm -f "$tree"
  fi
  echo "$made"
}

secrets() { # pip's settings and certificates of this machine, as build secrets
  local file="$WORK/pip.conf" bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  { echo "[global]"; python3 -m pip config list 2>/dev/null | sed -nE "s/^(global|:env:)\.(index-url|trusted-host)='(.*)'$/\2 = \3/p"
  } >"$file"
  echo "--secret id=pip,src=$file"
  # Without a bundle here, pip keeps its own: an empty one would refuse every server.
  [ -s "$bundle" ] || return 0
  cp "$bundle" "$WORK/certificates.pem"
  echo "cert = /etc/ssl/certs/build.pem" >>"$file"
  echo "--secret id=certificates,src=$WORK/certificates.pem"
}

wheels() { # an image of the wheels that pip finds in folders of this machine
  local folder
  folder=$(python3 -m pip config list 2>/dev/null | sed -nE "s/^[^=]*find-links='(\/[^']*)'$/\1/p" | head -n 1)
  [ -n "$folder" ] && [ -d "$folder" ] || { echo scratch; return; }
  $ENGINE image inspect sway-wheels:local >/dev/null 2>&1 ||
    tar --directory "$folder" --create . | $ENGINE import - sway-wheels:local >/dev/null
  echo sway-wheels:local
}

build() {
  local base wheels_image
  base=$(base_image) || return
  wheels_image=$(wheels)
  # shellcheck disable=SC2046,SC2086
  DOCKER_BUILDKIT=1 $ENGINE build --network host --tag "$IMAGE" $(secrets) \
    --build-arg BASE_IMAGE="$base" --build-arg WHEELS_IMAGE="$wheels_image" --build-arg TORCH_INDEX_URL="$TORCH_INDEX_URL" \
    --build-arg VERSION="$(sed -nE 's/^__version__ = "(.*)"/\1/p' sway/__init__.py)" \
    --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
}

run_tests() {
  SWAY_ENGINE=$ENGINE SWAY_IMAGE=$IMAGE "$1" -m pytest -q tests/container
}

check() { # build and test where that is possible; elsewhere say so, which on GitHub is a failure
  if ENGINE=$(engine) && base_image >/dev/null; then
    trap 'rm -rf "$WORK"; stop_docker' EXIT
    build && run_tests "$1"
  else
    say "THE IMAGE WAS NOT BUILT AND NOT TESTED HERE."
    [ -z "${GITHUB_ACTIONS:-}" ] || return 3
  fi
}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
case ${1:-} in
  engine) engine ;;
  build) ENGINE=$(engine) && build ;;
  test) ENGINE=$(engine) && run_tests "${2:-python3}" ;;
  check) check "${2:-python3}" ;;
  stop) stop_docker ;;
  *) say "usage: $0 engine|build|test PYTHON|check PYTHON|stop"; exit 2 ;;
esac
