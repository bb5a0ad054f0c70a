#!/usr/bin/env bash
# Unpacks what bookworm does not have from Debian trixie: qemu-io with libblkio, a vhost-user-blk client that needs no VM,
# and a QEMU whose TCG emulates two CPUs right (scripts/nested/qemu.mjs). Nothing is installed and the host's apt is left as
# it is. Prints the folder; the next run finds it there.
#   scripts/peers/trixie.sh           fetch what is missing
#   scripts/peers/trixie.sh --run PROGRAM [ARGUMENT...]   run a program of it, or one at a path that is linked with its
#                                                         libraries, with its own loader and libraries
# IOREGION_PEERS is where it goes (default ~/.cache/ioregion/peers), IOREGION_DEBIAN_MIRROR where it comes from.
set -euo pipefail

suite=trixie
tree=${IOREGION_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/ioregion/peers}/$suite
libraries=usr/lib/x86_64-linux-gnu
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

run() {
  local program=$1
  shift
  [[ $program == */* ]] || program=$tree/usr/bin/$program
  QEMU_MODULE_DIR="$tree/$libraries/qemu" exec "$tree/$libraries/ld-linux-x86-64.so.2" \
    --library-path "$tree/$libraries" "$program" "$@"
}

mirror() {
  local configured
  configured=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -1 || true)
  echo "${IOREGION_DEBIAN_MIRROR:-${configured:?no Debian mirror: set IOREGION_DEBIAN_MIRROR}}"
}

# An apt of its own: its sources, lists and (empty) list of installed packages all lie in "$1".
apt_in() {
  local folder=$1
  shift
  apt-get -q -o Dir::Etc="$folder/etc" -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State="$folder" -o Dir::State::Lists="$folder/lists" -o Dir::State::status="$folder/status" \
    -o Dir::Cache="$folder/cache" -o APT::Install-Recommends=0 -o APT::Sandbox::User= -o Debug::NoLocking=1 "$@"
}

fetch() {
  local apt=$1
  mkdir -p "$apt"/{etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial}
  : >"$apt/status"
  echo "deb [signed-by=$keyring] $(mirror) $suite main" >"$apt/sources.list"
  apt_in "$apt" update
  apt_in "$apt" install --download-only -y qemu-system-x86 qemu-utils qemu-block-extra libblkio-dev
}

# The links of a merged /usr come first: packages of before and after the merge unpack into the same folders.
unpack() {
  local target=$1 name
  shift
  mkdir -p "$target"/usr/{bin,sbin,lib,lib64}
  for name in bin sbin lib lib64; do ln -sfn "usr/$name" "$target/$name"; done
  for name in "$@"; do dpkg-deb --fsys-tarfile "$name" | tar -x -C "$target" --keep-directory-symlink; done
}

build() {
  mkdir -p "$(dirname "$tree")"
  work=$(mktemp -d "$tree.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch "$work/apt" >&2
  unpack "$work/tree" "$work"/apt/cache/archives/*.deb
  mv -T "$work/tree" "$tree"
}

if [ "${1:-}" = --run ]; then
  shift
  run "$@"
fi
[ -d "$tree" ] || build
echo "$tree"
