#!/usr/bin/env bash
# root.sh - a throw-away root: this machine's files under an overlay in memory, with devices, a network,
# processes and a host name of its own; everything is gone when it ends.
#
# Usage: unshare --mount --net --pid --fork --uts [--ipc --cgroup] tests/deploy/root.sh HIDE... -- COMMAND...
# HIDE are directories that are empty inside. The command is the first process of the root; its output and
# the folder $SHARED, where given, are all that is the same outside.
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
root="$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2>/dev/null || true # for systemd alone
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir -m 1777 "$root/dev/shm"
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for folder in "${hide[@]}"; do
    [ -d "$root$folder" ] && mount -t tmpfs tmpfs "$root$folder"
done
if [ -n "${SHARED:-}" ]; then
    mkdir -p "$root$SHARED"
    mount --bind "$SHARED" "$root$SHARED"
fi
hostname mx.example.net
python3 -c 'import fcntl, socket, struct
lo = struct.pack("16sh14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
fcntl.ioctl(socket.socket(), 0x8914, lo)  # SIOCSIFFLAGS'
# not chroot: in one, the kernel allows no user namespaces (PrivateUsers= of a unit)
cd "$root"
mkdir -p .before
pivot_root . .before
umount -l .before
exec "$@"
