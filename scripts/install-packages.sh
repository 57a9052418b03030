#!/bin/sh
# Installs what building, testing and using nlm needs, from the distribution's own packages (Debian 12, Ubuntu
# 24.04 or later). Does nothing, quickly, when all is there. Uses sudo when not root.
#
# usage: install-packages.sh [--with-checks]     --with-checks: also clang, clang-format and shellcheck
set -eu

packages="gcc libc6-dev cmake ninja-build pkg-config flex bison llvm-19-dev libjansson-dev libutf8proc-dev
  zlib1g-dev libcmocka-dev"
[ "${1-}" != --with-checks ] || packages="$packages clang clang-format shellcheck"

command -v dpkg-query >/dev/null || {
  echo "install-packages.sh: this is no Debian or Ubuntu machine; install by hand: $packages" >&2
  exit 1
}
missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-packages.sh: neither root nor sudo here; as root: apt-get install$missing" >&2
    exit 1
  }
  as_root=sudo
fi
echo "installing:$missing" >&2
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
