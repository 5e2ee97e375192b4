# Sourced by the set-up programs, after common.sh: one line per phase on the terminal, everything
# else in a log, and one sentence when a phase fails.
# shellcheck shell=sh

# phases_begin COUNT LOG
phases_begin() {
    phase_count=$1
    phase_log=$2
    phase_number=0
    trap 'phases_stop; exit 130' INT
    trap 'phases_stop; exit 143' TERM
}

# A long phase says that it lives.
phase_ticker() {
    trap 'kill "$sleeper" 2>/dev/null; exit' TERM
    seconds=0
    while kill -0 $$ 2>/dev/null; do
        sleep 20 >/dev/null 2>&1 &
        sleeper=$!
        wait "$sleeper"
        seconds=$((seconds + 20))
        say "[$phase_number/$phase_count] … ${seconds} s"
    done
}

phases_stop() {
    kill ${phase_worker:+"$phase_worker"} ${phase_clock:+"$phase_clock"} 2>/dev/null || :
}

# phase TEXT COMMAND…: runs a shell function or command with its output in the log
phase() {
    phase_number=$((phase_number + 1))
    phase_text=$1
    shift
    say "[$phase_number/$phase_count] $phase_text"
    printf '\n== %s\n' "$phase_text" >>"$phase_log"
    # In the background, because `set -e` holds there and not to the left of `||`.
    (
        set -e
        "$@"
    ) </dev/null >>"$phase_log" 2>&1 &
    phase_worker=$!
    phase_ticker &
    phase_clock=$!
    phase_status=0
    wait "$phase_worker" || phase_status=$?
    phase_worker=
    kill "$phase_clock" 2>/dev/null || :
    phase_clock=
    [ "$phase_status" = 0 ] || phase_failed
}

# The known reasons by name; the end of the log for the others.
phase_failed() {
    if grep -q 'No space left on device' "$phase_log"; then
        die "the disk is full: failed while $phase_text (log: $phase_log)"
    fi
    if grep -q -E 'Could not (resolve|connect)|Failed to fetch|Connection (failed|timed out)' \
        "$phase_log"; then
        die "the mirror ${mirror:-} failed while $phase_text (log: $phase_log)"
    fi
    tail -n 15 "$phase_log" >&2
    die "failed while $phase_text (log: $phase_log)"
}
