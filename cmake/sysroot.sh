#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sysroot.sh FOLDER: Debian's arm64 libraries that furrow and its tests need, unpacked into
# FOLDER for the cross compiler and QEMU. Nothing is installed, no root is needed, and the
# machine's own packages stay as they are: many a -dev package cannot be there for two
# architectures. FOLDER is complete or not there.
set -eu
folder=$(realpath -m "$1")
[ ! -e "$folder/usr/lib/aarch64-linux-gnu/pkgconfig/libcrypto.pc" ] || exit 0 # the last of them
command -v apt-get >/dev/null || { echo "sysroot: no apt-get to get arm64 packages with"; exit 1; }
mkdir -p "$(dirname "$folder")"
scratch=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial" "$scratch/tree"
: >"$scratch/status"

# A package system of its own, for arm64, in which nothing is installed.
apt()
{
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
        -o Dir::State="$scratch/state" -o Dir::State::Lists="$scratch/state/lists" \
        -o Dir::State::status="$scratch/status" -o Dir::Cache="$scratch/cache" \
        -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@" >>"$scratch/log" 2>&1 ||
        { tail -n 5 "$scratch/log" && exit 1; }
}

# Shared libraries with all that they need; of the -dev packages their own files alone.
apt update
apt install -y --no-install-recommends --download-only libcriterion3 libhwloc15 libssl3
(cd "$scratch/cache/archives" &&
    apt download libc6-dev linux-libc-dev libhwloc-dev libcriterion-dev libssl-dev)
for package in "$scratch"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$scratch/tree"
done

# Links lead into the tree, and pkg-config looks for nothing that only a static link needs.
(cd "$scratch/tree" && find . -type l -lname '/*' | while read -r link; do
    ln -srfn ".$(readlink "$link")" "$link"
done)
sed -i '/\.private/d' "$scratch"/tree/usr/lib/aarch64-linux-gnu/pkgconfig/*.pc
rm -rf "$folder"
mv "$scratch/tree" "$folder"
