# Sourced by everything in tools/ that is shell, after it has set `tools` to this folder's parent:
# names, places and messages. POSIX sh; sets no options.
# shellcheck shell=sh disable=SC2034,SC2154 # variables cross from file to file

repo=${tools%/*}

suite=trixie

# What set-up leaves inside the environment: the finished mark and the driver manifests. Not
# under /opt or /usr/local, where somebody may keep a clone that is bound over it.
state=/var/lib/vesper-env

# Where root folders are kept. Outside the repository, so that `git clean`, a second clone or a
# fresh checkout does not cost a new one; not under $HOME, which sudo changes.
cache=${VESPER_CACHE:-/var/cache/vesper}

say() {
    printf '%s\n' "$*" >&2
}

# 125 as env(1) and timeout(1) use it: the tool failed, not the command it should have run.
die() {
    say "vesper: $*"
    exit 125
}

# packages FILE…: the names in package lists, one a line
packages() {
    sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@"
}

# Names the environment by all that decides its contents, so that checkouts with different
# package lists use different environments.
environment_id() {
    cat "$tools"/packages-*.txt "$tools/setup/install" | sha256sum | cut -c 1-16
}

is_debian_13() {
    [ -r /etc/os-release ] && (
        . /etc/os-release
        [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 13 ]
    )
}

# Entering a root folder mounts. Read from /proc, because this is on the way of every call.
may_mount() {
    while read -r name value; do
        if [ "$name" = CapEff: ]; then
            [ $((0x$value >> 21 & 1)) = 1 ] # CAP_SYS_ADMIN
            return
        fi
    done </proc/self/status
    return 1
}

need_mount_privilege() {
    may_mount && return
    [ "$(id -u)" = 0 ] || die "the reference environment on a system other than Debian 13 is a root folder, which needs root: run this as root or with sudo"
    die "this machine does not let root mount file systems (a container without CAP_SYS_ADMIN?), which the reference environment needs"
}

# is_mount_point FOLDER
is_mount_point() {
    while read -r _ _ _ _ point _; do
        [ "$point" != "$1" ] || return 0
    done </proc/self/mountinfo
    return 1
}

# unshare(1)'s options for mounts that nobody else sees, as words. In a chroot that is no mount
# point they cannot be made private; that is harmless where nothing is shared to begin with.
private_mounts() {
    if is_mount_point /; then
        echo --mount
    elif grep -q ' shared:' /proc/1/mountinfo; then
        die "this chroot is not a mount point, so mounts made in it would show outside; bind it to itself (mount --bind FOLDER FOLDER) before entering it"
    else
        echo --mount --propagation unchanged
    fi
}
