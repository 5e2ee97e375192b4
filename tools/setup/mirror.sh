# Sourced by tools/setup/root and tools/setup/debian, after common.sh: which Debian mirror.
# The machine's own apt configuration is asked through apt itself, which reads every format.
# shellcheck shell=sh disable=SC2154 # variables cross from file to file

# Repositories of this machine that may be the Debian archive: those with a suite called like one
# of Debian's, and first those whose address ends in /debian, because third parties use the names
# too. `--print-uris` needs neither a network nor an earlier update.
mirror_candidates() {
    command -v apt-get >/dev/null || return 0
    apt-get update --print-uris 2>/dev/null |
        sed -n -E "s:^'(.*)/dists/(bullseye|bookworm|trixie|forky|duke|sid|(old)?stable|testing|unstable)/InRelease'.*:\\1:p" |
        awk '{ print ($1 ~ /\/debian\/?$/ ? 1 : 2), $1 }' | sort -u | cut -d ' ' -f 2-
}

# Cloud images keep the address in a file of its own: mirror+file:/etc/apt/mirrors/debian.list
resolve_mirror_list() {
    case $1 in
    mirror+file:*)
        sed -E -e 's/#.*//' -e 's/^[[:space:]]*//' -e 's/[[:space:]].*//' -e '/^$/d' \
            "${1#mirror+file:}" | head -n 1
        ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# fetch URL FILE: by whatever this machine downloads with; apt's helper knows apt's proxy
fetch() {
    if [ -x /usr/lib/apt/apt-helper ]; then
        /usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
            -o Acquire::https::Timeout=20 download-file "$1" "$2"
    elif command -v curl >/dev/null; then
        curl --fail --silent --show-error --max-time 30 --output "$2" "$1"
    else
        wget --quiet --timeout=20 --tries=2 -O "$2" "$1"
    fi
}

# serves MIRROR SUITE FOLDER: the mirror answers, and what it has is Debian's
serves() {
    fetch "$1/dists/$2/InRelease" "$3/InRelease" >"$3/fetch.log" 2>&1 &&
        grep -q '^Origin: Debian' "$3/InRelease"
}

# need_mirror FOLDER: sets `mirror` to one that answers; FOLDER takes scratch files
need_mirror() {
    first=
    mirror=
    for candidate in ${VESPER_DEBIAN_MIRROR:-$(mirror_candidates)}; do
        candidate=$(resolve_mirror_list "${candidate%/}")
        first=${first:-$candidate}
        if serves "${candidate%/}" "$suite" "$1"; then
            mirror=${candidate%/}
            break
        fi
    done
    if [ -z "$first" ]; then
        die "no Debian mirror is in this machine's package configuration; name one with VESPER_DEBIAN_MIRROR=http://…/debian"
    fi
    if [ -z "$mirror" ]; then
        die "the Debian mirror $first does not answer for $suite (VESPER_DEBIAN_MIRROR names another; what was said is in $1/fetch.log)"
    fi
    if ! serves "$mirror" "$suite-backports" "$1"; then
        die "the Debian mirror $mirror has no $suite-backports (VESPER_DEBIAN_MIRROR names another)"
    fi
    rm -f "$1/InRelease" "$1/fetch.log"
}

# apt's settings for reaching and trusting a mirror on this machine, as apt.conf lines
apt_transport_settings() {
    if command -v apt-config >/dev/null; then
        apt-config dump | grep -E '^Acquire::((http|https)::(Proxy|Proxy-Auto-Detect|ProxyAutoDetect|Timeout)|Check-Valid-Until|Check-Date|Max-FutureTime|Retries|ForceIPv[46])' |
            grep -v ' "";$' || :
    fi
}
