#!/bin/sh
# SPDX-License-Identifier: MIT
#
# boot.sh FOLDER NODES PROGRAM: run PROGRAM NODES, and again PROGRAM NODES refused, on a
# Linux kernel with so many NUMA nodes.
#
# The kernel is Debian's for cloud machines, taken out of its package and not installed;
# QEMU emulates processors and nodes, without the help of the host's kernel. The whole
# system is PROGRAM, its libraries and busybox, in an initial RAM disk. FOLDER keeps the
# kernel. The exit status is 77 when something of that cannot be had; KERNEL=... names a
# kernel image to use instead of Debian's.
set -eu
folder=$1 nodes=$2 program=$3
per_node=2     # processors
memory=160     # MiB of each node
seconds=170    # it takes about 15, longer where processors are busy

skip()
{
    echo "numa: skipped: $*"
    exit 77
}

mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---- what has to be there -----------------------------------------------------------

[ "$(uname -m)" = x86_64 ] || skip 'the kernel to boot is one for x86-64'
for tool in qemu-system-x86_64 busybox cpio gzip ldd; do
    command -v $tool >/dev/null || skip "$tool is not installed"
done
! ldd "$(command -v busybox)" >/dev/null 2>&1 || skip 'busybox is not a static one'

# Unpack the package beside its place and move the image there when it is whole: several
# of us may do so at a time.
fetch_kernel()
{
    command -v apt-get >/dev/null || skip 'no apt-get to get a kernel with'
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/.*Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
    [ -n "$package" ] || skip 'no package linux-image-cloud-amd64 is known here'
    (cd "$scratch" && timeout 60 apt-get download -q "$package" &&
        dpkg-deb -x ./*.deb unpacked) >"$scratch/log" 2>&1 ||
        skip "cannot get $package: $(tail -n 1 "$scratch/log")"
    cp "$scratch"/unpacked/boot/vmlinuz-* "$scratch/vmlinuz"
    mv "$scratch/vmlinuz" "$folder/vmlinuz"
    rm -rf "$scratch/unpacked" "$scratch"/*.deb
}

kernel=${KERNEL:-$folder/vmlinuz}
[ -e "$kernel" ] || fetch_kernel

# ---- the disk -----------------------------------------------------------------------

disk=$scratch/disk
mkdir -p "$disk/bin" "$disk/dev" "$disk/proc" "$disk/sys" "$disk/tmp"
cp "$(command -v busybox)" "$disk/bin/busybox"
cp "$program" "$disk/bin/program"
ldd "$program" | grep -o '/[^ )]*' | while read -r library; do
    mkdir -p "$disk${library%/*}"
    cp -L "$library" "$disk$library"
done
cat >"$disk/init" <<END
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mkdir -p /dev/shm && busybox mount -t tmpfs shm /dev/shm
busybox uname -sr
/bin/program $nodes
first=\$?
/bin/program $nodes refused
echo "GUEST \$first \$?"
read -r up rest </proc/uptime
echo "after \$up s"
busybox poweroff -f
END
chmod +x "$disk/init"
(cd "$disk" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$scratch/initrd.gz"

# ---- the machine --------------------------------------------------------------------

# distance A B: of nodes that stand in a ring, 10 and 10 more for each step between them.
distance()
{
    steps=$(($2 - $1))
    [ $((nodes - steps)) -ge $steps ] || steps=$((nodes - steps))
    echo $((10 + 10 * steps))
}

set -- -machine q35 -accel "${ACCEL:-tcg,thread=multi}" -cpu max,vendor=GenuineIntel \
    -smp "$((nodes * per_node)),sockets=$nodes,cores=$per_node,threads=1" \
    -m "$((nodes * memory))M"
node=0
while [ "$node" -lt "$nodes" ]; do
    first=$((node * per_node))
    set -- "$@" -object "memory-backend-ram,id=m$node,size=${memory}M" \
        -numa "node,nodeid=$node,cpus=$first-$((first + per_node - 1)),memdev=m$node"
    node=$((node + 1))
done
for one in $(seq 0 $((nodes - 1))); do
    for other in $(seq $((one + 1)) $((nodes - 1))); do
        set -- "$@" -numa "dist,src=$one,dst=$other,val=$(distance "$one" "$other")"
    done
done

timeout -k 5 $seconds qemu-system-x86_64 "$@" -kernel "$kernel" \
    -initrd "$scratch/initrd.gz" -append 'console=ttyS0 quiet panic=-1' \
    -nographic -no-reboot -nodefaults -serial stdio -monitor none -net none \
    </dev/null 2>&1 | tr -d '\r' | tee "$scratch/said"

grep -q '^GUEST ' "$scratch/said" || {
    echo 'numa: the guest did not come to its end'
    exit 1
}
grep -q '^GUEST 0 0$' "$scratch/said"
