#!/usr/bin/env bash
# root.sh - a throw-away root: this machine's files under an overlay in memory, with a network, processes and
# a host name of its own; everything is gone when it ends.
#
# Usage: unshare --mount --net --pid --fork --uts tests/deploy/root.sh HIDE... -- COMMAND...
# HIDE are directories that are empty inside. The command runs in the root.
set -euo pipefail
hide=()
while [ "$1" != -- ]; do
    hide+=("$1")
    shift
done
shift
mount --make-rprivate /
work="$(mktemp -d)"
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mount -t tmpfs tmpfs "$work/root/run"
for folder in "${hide[@]}"; do
    [ -d "$work/root$folder" ] && mount -t tmpfs tmpfs "$work/root$folder"
done
hostname mx.example.net
python3 -c 'import fcntl, socket, struct
lo = struct.pack("16sh14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
fcntl.ioctl(socket.socket(), 0x8914, lo)  # SIOCSIFFLAGS'
exec chroot "$work/root" "$@"
