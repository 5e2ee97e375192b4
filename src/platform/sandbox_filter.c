/* Which system calls a worker of the sandbox can make: a list of what is allowed, with libseccomp.
 * Everything else fails with EPERM, or ends the process where no driver has a use for it.
 * docs/sandbox.md says why drivers need what is here. */
#include "platform/sandbox_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* By name, so that those which this processor or this libseccomp does not know are left out. */
static const char *const allowed[] = {
    /* memory; the code that a driver's compiler makes is mapped, too */
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "mprotect",
    "pkey_mprotect",
    "pkey_alloc",
    "pkey_free",
    "madvise",
    "mlock",
    "mlock2",
    "munlock",
    "msync",
    "mincore",
    "membarrier",
    "mbind",
    "get_mempolicy",
    "set_mempolicy",
    "memfd_create",
    "map_shadow_stack",
    "cacheflush",
    "riscv_flush_icache",
    "riscv_hwprobe",
    "set_thread_area",
    "set_tls",
    "arch_prctl",
    /* descriptors that are there already */
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "lseek",
    "_llseek",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "ftruncate",
    "ftruncate64",
    "fallocate",
    "fstat",
    "fstat64",
    "fstatfs",
    "fstatfs64",
    "flock",
    "fsync",
    "fdatasync",
    "getdents",
    "getdents64",
    "pipe",
    "pipe2",
    "eventfd",
    "eventfd2",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "ppoll_time64",
    "select",
    "_newselect",
    "pselect6",
    "pselect6_time64",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_settime64",
    "timerfd_gettime",
    "timerfd_gettime64",
    "kcmp",
    /* the channel to vesper; there is no way to make another socket */
    "sendmsg",
    "recvmsg",
    "sendto",
    "recvfrom",
    "send",
    "recv",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "getsockname",
    "getpeername",
    /* names of files; what they lead to is Landlock's to say */
    "stat",
    "stat64",
    "lstat",
    "lstat64",
    "fstatat64",
    "newfstatat",
    "statx",
    "statfs",
    "statfs64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    /* threads */
    "futex",
    "futex_time64",
    "futex_waitv",
    "futex_wake",
    "futex_wait",
    "futex_requeue",
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "gettid",
    "exit",
    "exit_group",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getattr",
    "sched_setattr",
    "sched_setscheduler",
    "sched_setparam",
    "getpriority",
    "getcpu",
    /* time */
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    "alarm",
    "setitimer",
    "getitimer",
    "timer_create",
    "timer_settime",
    "timer_settime64",
    "timer_gettime",
    "timer_gettime64",
    "timer_getoverrun",
    "timer_delete",
    /* signals of its own */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "rt_sigsuspend",
    "sigaltstack",
    "pause",
    "restart_syscall",
    /* questions */
    "getpid",
    "getppid",
    "getpgrp",
    "getpgid",
    "getsid",
    "getuid",
    "getuid32",
    "geteuid",
    "geteuid32",
    "getgid",
    "getgid32",
    "getegid",
    "getegid32",
    "getresuid",
    "getresgid",
    "getgroups",
    "uname",
    "sysinfo",
    "getrusage",
    "getrlimit",
    "ugetrlimit",
    "getrandom",
    "capget",
};

/* No driver has a use for these: whoever makes one is no driver any more. */
static const char *const deadly[] = {
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "mount",
    "umount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fspick",
    "fsconfig",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "open_by_handle_at",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "capset",
};

/* The C library and drivers take the older way where these are not there. */
static const char *const unknown[] = {"clone3", "openat2", "io_uring_setup", "pidfd_open"};

/* The bit of O_TMPFILE that no other flag has. */
#define NAMELESS ((uint64_t)(O_TMPFILE & ~O_DIRECTORY))

struct filter {
    scmp_filter_ctx context;
    int error; /* of the first rule that could not be added */
};

static void add(struct filter *filter, uint32_t action, const char *name, unsigned count,
                const struct scmp_arg_cmp *arguments) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || filter->error) {
        return;
    }
    int error = seccomp_rule_add_array(filter->context, action, number, count, arguments);
    /* EDOM: not a system call of this processor. */
    filter->error = error == -EDOM ? 0 : error;
}

static void add_all(struct filter *filter, uint32_t action, const char *const *names,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        add(filter, action, names[i], 0, NULL);
    }
}

/* Allows a call whose argument `at`, in the bits of `mask`, is `value`. */
static void allow_where(struct filter *filter, const char *name, unsigned at, uint64_t mask,
                        uint64_t value) {
    const struct scmp_arg_cmp argument = {at, SCMP_CMP_MASKED_EQ, mask, value};
    add(filter, SCMP_ACT_ALLOW, name, 1, &argument);
}

static void allow_open(struct filter *filter, enum sandbox_writing writing) {
    static const uint64_t forbidden[] = {
        [SANDBOX_READS] = O_CREAT | O_TRUNC | NAMELESS | O_ACCMODE,
        [SANDBOX_WRITES] = O_CREAT | O_TRUNC | NAMELESS,
        [SANDBOX_MAKES] = O_CREAT | NAMELESS, /* but see allow_making */
    };
    allow_where(filter, "open", 1, forbidden[writing], 0);
    allow_where(filter, "openat", 2, forbidden[writing], 0);
}

/* Of a file that is made: none of them is a program that runs as this user for whoever starts it, should
 * others reach the folder. */
#define SPECIAL_MODES (S_ISUID | S_ISGID | S_ISVTX)

static void allow_creating(struct filter *filter, const char *name, unsigned flags_at) {
    const struct scmp_arg_cmp arguments[] = {
        {flags_at, SCMP_CMP_MASKED_EQ, O_CREAT | NAMELESS, O_CREAT},
        {flags_at + 1, SCMP_CMP_MASKED_EQ, SPECIAL_MODES, 0},
    };
    add(filter, SCMP_ACT_ALLOW, name, 2, arguments);
}

/* Where, is Landlock's to say, which knows all of these: other calls that change files (modes, owners,
 * times) it does not know, so they stay out. */
static void allow_making(struct filter *filter) {
    static const char *const moving[] = {"rename", "renameat", "unlink", "unlinkat", "rmdir"};
    allow_creating(filter, "open", 1);
    allow_creating(filter, "openat", 2);
    allow_where(filter, "mkdir", 1, SPECIAL_MODES, 0);
    allow_where(filter, "mkdirat", 2, SPECIAL_MODES, 0);
    add_all(filter, SCMP_ACT_ALLOW, moving, sizeof(moving) / sizeof(moving[0]));
    /* Not with RENAME_WHITEOUT, which leaves a device node. */
    allow_where(filter, "renameat2", 4, ~(uint64_t)RENAME_NOREPLACE & UINT32_MAX, 0);
}

/* The calls of terminals and sockets have types of their own: what is typed into the terminal that
 * this process says its errors to must not come from it. */
static void allow_ioctl(struct filter *filter, enum platform_sandbox level) {
    static const uint32_t single[] = {FIONBIO, FIONREAD, FIOCLEX, FIONCLEX, TCGETS};
    /* dma-bufs; sync files; then DRM, NVIDIA's three, AMD's compute, udmabuf, dma-heaps, WSL's,
     * Mali's, Adreno's */
    static const uint8_t shared[] = {'b', '>'};
    static const uint8_t cards[] = {'d', 'F', 'm', 0, 'K', 'u', 'H', 'G', 0x80, 0x09};
    const uint64_t type = 0xff00;
    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
        allow_where(filter, "ioctl", 1, UINT32_MAX, single[i]);
    }
    for (size_t i = 0; i < sizeof(shared); i++) {
        allow_where(filter, "ioctl", 1, type, (uint64_t)shared[i] << 8);
    }
    for (size_t i = 0; i < sizeof(cards) && level == PLATFORM_SANDBOX_DRIVER; i++) {
        allow_where(filter, "ioctl", 1, type, (uint64_t)cards[i] << 8);
    }
}

/* Not those by which a descriptor sends signals to others. */
static void allow_fcntl(struct filter *filter) {
    static const int commands[] = {F_DUPFD,     F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                   F_GETFL,     F_SETFL,         F_GETLK,     F_SETLK,
                                   F_SETLKW,    F_OFD_GETLK,     F_OFD_SETLK, F_OFD_SETLKW,
                                   F_ADD_SEALS, F_GET_SEALS,     F_GETPIPE_SZ};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        allow_where(filter, "fcntl", 1, UINT32_MAX, (uint32_t)commands[i]);
        allow_where(filter, "fcntl64", 1, UINT32_MAX, (uint32_t)commands[i]);
    }
}

static void allow_parts(struct filter *filter) {
    static const int questions[] = {
        PR_SET_NAME, PR_GET_NAME,        PR_SET_TIMERSLACK,  PR_GET_TIMERSLACK,   PR_GET_DUMPABLE,
        PR_SET_VMA,  PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        allow_where(filter, "prctl", 0, UINT32_MAX, (uint32_t)questions[i]);
    }
    /* Threads, and no processes. */
    allow_where(filter, "clone", 0, CLONE_THREAD, CLONE_THREAD);
    /* Signals to itself: abort() and the C library's own. */
    const uint32_t self = (uint32_t)getpid();
    allow_where(filter, "kill", 0, UINT32_MAX, self);
    allow_where(filter, "tgkill", 0, UINT32_MAX, self);
    allow_where(filter, "rt_sigqueueinfo", 0, UINT32_MAX, self);
    allow_where(filter, "rt_tgsigqueueinfo", 0, UINT32_MAX, self);
    /* Limits are read, not set; a thread's priority is set, not another user's. */
    allow_where(filter, "prlimit64", 2, UINT64_MAX, 0);
    allow_where(filter, "setpriority", 0, UINT32_MAX, 0);
}

int sandbox_filter_check(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}

int sandbox_filter_enter(enum platform_sandbox level, enum sandbox_writing writing) {
    struct filter filter = {.context = seccomp_init(SCMP_ACT_ERRNO(EPERM))};
    if (!filter.context) {
        return -ENOMEM;
    }
    /* A search tree: with a list the last calls would be slow. */
    filter.error = seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add_all(&filter, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));
    add_all(&filter, SCMP_ACT_KILL_PROCESS, deadly, sizeof(deadly) / sizeof(deadly[0]));
    add_all(&filter, SCMP_ACT_ERRNO(ENOSYS), unknown, sizeof(unknown) / sizeof(unknown[0]));
    allow_open(&filter, writing);
    if (writing == SANDBOX_MAKES) {
        allow_making(&filter);
    }
    allow_ioctl(&filter, level);
    allow_fcntl(&filter);
    allow_parts(&filter);
    if (!filter.error) {
        filter.error = seccomp_load(filter.context);
    }
    seccomp_release(filter.context);
#ifdef __GLIBC__
    malloc_trim(0); /* what the rules took is more than a spare worker needs */
#endif
    return filter.error;
}
