/* A Vulkan layer that stands for a driver which a guest has taken over: when a device is created, it
 * tries what a worker of the sandbox must not be able to do, and says on standard error how each
 * attempt ended. VESPER_INTRUDER names the attempts; VESPER_INTRUDER_FILE is a file that this user may
 * read and write, beside which others may be made; VESPER_INTRUDER_READABLE is one that the worker may
 * read; VESPER_INTRUDER_OTHER is the cache of another server, with a file called entry. The worker's own
 * is where XDG_CACHE_HOME says. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

/* ---- attempts: 0, or -1 and errno --------------------------------------------------------- */

static const char *file(void) {
    return getenv("VESPER_INTRUDER_FILE");
}

static int opened(int fd) {
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 ? 0 : -1;
}

static int open_beside(const char *suffix, int flags) {
    char path[4096];
    snprintf(path, sizeof(path), "%s%s", file(), suffix);
    return opened(open(path, flags, 0600));
}

static int try_read_file(void) {
    return open_beside("", O_RDONLY);
}

static int try_read_passwd(void) {
    return opened(open("/etc/passwd", O_RDONLY));
}

static int try_write_file(void) {
    return open_beside("", O_RDWR);
}

static int try_truncate_file(void) {
    return truncate(file(), 1);
}

static int try_make_file(void) {
    return open_beside(".made", O_RDWR | O_CREAT);
}

static int try_make_nameless_file(void) {
    return opened(open("/tmp", O_RDWR | O_TMPFILE, 0600));
}

static int try_make_folder(void) {
    return mkdir("/tmp/vesper-intruder-folder", 0700) == 0 ? rmdir("/tmp/vesper-intruder-folder")
                                                           : -1;
}

static int try_change_mode(void) {
    return chmod(file(), 0600);
}

static int try_remove_file(void) {
    return unlink(file());
}

/* A file that can be read, and could be truncated by that on kernels that do not know better. */
static int try_truncate_readable(void) {
    return opened(open(getenv("VESPER_INTRUDER_READABLE"), O_RDONLY | O_TRUNC));
}

static int try_write_readable(void) {
    return opened(open(getenv("VESPER_INTRUDER_READABLE"), O_WRONLY));
}

static int try_remove_readable(void) {
    return unlink(getenv("VESPER_INTRUDER_READABLE"));
}

static int try_truncate_by_opening(void) {
    return open_beside("", O_WRONLY | O_TRUNC);
}

/* ---- attempts in the cache, each with files of its own ------------------------------------- */

#define PATH_BYTES 4096

static const char *in_cache(const char *name, char out[PATH_BYTES]) {
    snprintf(out, PATH_BYTES, "%s/intruder-%s", getenv("XDG_CACHE_HOME"), name);
    return out;
}

static const char *outside(const char *suffix, char out[PATH_BYTES]) {
    snprintf(out, PATH_BYTES, "%s%s", file(), suffix);
    return out;
}

/* Makes the file and gives its path; NULL where that fails. */
static const char *made_in_cache(const char *name, char out[PATH_BYTES]) {
    return opened(open(in_cache(name, out), O_RDWR | O_CREAT, 0600)) == 0 ? out : NULL;
}

static int try_use_cache(void) {
    char one[PATH_BYTES], other[PATH_BYTES], path[PATH_BYTES], moved[PATH_BYTES];
    if (mkdir(in_cache("one", one), 0700) < 0 || mkdir(in_cache("other", other), 0700) < 0 ||
        !made_in_cache("one/file", path)) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_TRUNC);
    const bool is_written = fd >= 0 && write(fd, "entry", 5) == 5 && ftruncate(fd, 3) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return is_written && rename(path, in_cache("other/file", moved)) == 0 && unlink(moved) == 0 &&
                   rmdir(one) == 0 && rmdir(other) == 0
               ? 0
               : -1;
}

static int try_move_out_of_cache(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    return made_in_cache("moved-out", from) ? rename(from, outside(".moved-out", to)) : -1;
}

static int try_move_into_cache(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    return rename(outside(".into", from), in_cache("moved-in", to));
}

static int try_move_to_other_cache(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    snprintf(to, sizeof(to), "%s/moved", getenv("VESPER_INTRUDER_OTHER"));
    return made_in_cache("moved-over", from) ? rename(from, to) : -1;
}

static int try_exchange_with_cache(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    return made_in_cache("exchanged", from)
               ? renameat2(AT_FDCWD, from, AT_FDCWD, outside(".exchanged", to), RENAME_EXCHANGE)
               : -1;
}

static int try_leave_whiteout(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    return made_in_cache("white", from)
               ? renameat2(AT_FDCWD, from, AT_FDCWD, in_cache("out", to), RENAME_WHITEOUT)
               : -1;
}

static int try_move_cache(void) {
    char to[PATH_BYTES];
    snprintf(to, sizeof(to), "%s.moved", getenv("XDG_CACHE_HOME"));
    return rename(getenv("XDG_CACHE_HOME"), to) == 0 ? rename(to, getenv("XDG_CACHE_HOME")) : -1;
}

static int try_link_in_cache(void) {
    char from[PATH_BYTES], to[PATH_BYTES];
    return made_in_cache("linked", from) ? link(from, in_cache("link", to)) : -1;
}

static int try_link_into_cache(void) {
    char to[PATH_BYTES];
    return link(file(), in_cache("link-in", to));
}

static int try_symlink_in_cache(void) {
    char path[PATH_BYTES];
    return symlink("/etc/passwd", in_cache("symlink", path));
}

static int try_fifo_in_cache(void) {
    char path[PATH_BYTES];
    return mkfifo(in_cache("fifo", path), 0600);
}

static int try_nameless_in_cache(void) {
    return opened(open(getenv("XDG_CACHE_HOME"), O_RDWR | O_TMPFILE, 0600));
}

static int try_set_user_id_in_cache(void) {
    char path[PATH_BYTES];
    return opened(open(in_cache("set-user-id", path), O_RDWR | O_CREAT, 04755));
}

static int try_set_group_id_in_cache(void) {
    char path[PATH_BYTES];
    return mkdir(in_cache("set-group-id", path), 02755) == 0 ||
                   mkdirat(AT_FDCWD, in_cache("set-group-id-at", path), 02755) == 0
               ? 0
               : -1;
}

static int try_change_mode_in_cache(void) {
    char path[PATH_BYTES];
    return made_in_cache("mode", path) ? chmod(path, 0700) : -1;
}

static int try_open_other_cache(void) {
    return opened(open(getenv("VESPER_INTRUDER_OTHER"), O_RDONLY | O_DIRECTORY));
}

static int try_read_other_cache(void) {
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/entry", getenv("VESPER_INTRUDER_OTHER"));
    return opened(open(path, O_RDONLY));
}

static int try_make_in_other_cache(void) {
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/made", getenv("VESPER_INTRUDER_OTHER"));
    return opened(open(path, O_RDWR | O_CREAT, 0600));
}

/* ---- attempts on vesper and the system ------------------------------------------------------ */

static int try_read_vesper(void) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    return opened(open(path, O_RDONLY));
}

static int try_write_through_proc(void) {
    return opened(open("/proc/self/mem", O_RDWR));
}

static int try_socket_inet(void) {
    return opened(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_socket_datagram(void) {
    return opened(socket(AF_INET, SOCK_DGRAM, 0));
}

static int try_socket_unix(void) {
    return opened(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_socket_netlink(void) {
    return opened(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_connect(void) {
    const struct sockaddr address = {.sa_family = AF_UNSPEC};
    /* Without a socket it is told from a refusal by the number of the error. */
    return connect(-1, &address, sizeof(address)) < 0 && errno == EBADF ? 0 : -1;
}

static int try_fork(void) {
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int try_signal_vesper(void) {
    return kill(getppid(), SIGCONT);
}

static int try_signal_group(void) {
    return kill(0, SIGCONT);
}

static int try_slow_vesper(void) {
    return setpriority(PRIO_USER, 0, getpriority(PRIO_USER, 0));
}

static int try_type_into_terminal(void) {
    char key = 'x';
    /* Standard error is none here: told by the number of the error. */
    return ioctl(STDERR_FILENO, TIOCSTI, &key) < 0 && errno == ENOTTY ? 0 : -1;
}

static int try_dump_core(void) {
    struct rlimit limit;
    const int is_read = getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return is_read == 0 && setrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0 ? 0 : -1;
}

static int try_signal_by_descriptor(void) {
    int ends[2];
    if (pipe(ends) < 0) {
        return -1;
    }
    int result = fcntl(ends[0], F_SETOWN, getppid());
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return result;
}

/* Those that end the process. */

static int try_exec(void) {
    char *const arguments[] = {"true", NULL};
    return execve("/bin/true", arguments, arguments + 1);
}

static int try_exec_descriptor(void) {
    char *const arguments[] = {"true", NULL};
    return (int)syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, arguments + 1, 0);
}

static int try_trace_vesper(void) {
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? -1 : 0;
}

static int try_read_memory_of_vesper(void) {
    char byte;
    const struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};
    return process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}

static int try_mount(void) {
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int try_leave_namespace(void) {
    return (int)syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"read-file", try_read_file},
    {"read-passwd", try_read_passwd},
    {"write-file", try_write_file},
    {"truncate-file", try_truncate_file},
    {"make-file", try_make_file},
    {"make-nameless-file", try_make_nameless_file},
    {"make-folder", try_make_folder},
    {"change-mode", try_change_mode},
    {"write-readable", try_write_readable},
    {"truncate-readable", try_truncate_readable},
    {"remove-readable", try_remove_readable},
    {"truncate-by-opening", try_truncate_by_opening},
    {"use-cache", try_use_cache},
    {"move-out-of-cache", try_move_out_of_cache},
    {"move-into-cache", try_move_into_cache},
    {"move-to-other-cache", try_move_to_other_cache},
    {"exchange-with-cache", try_exchange_with_cache},
    {"leave-whiteout", try_leave_whiteout},
    {"move-cache", try_move_cache},
    {"link-in-cache", try_link_in_cache},
    {"link-into-cache", try_link_into_cache},
    {"symlink-in-cache", try_symlink_in_cache},
    {"fifo-in-cache", try_fifo_in_cache},
    {"nameless-in-cache", try_nameless_in_cache},
    {"set-user-id-in-cache", try_set_user_id_in_cache},
    {"set-group-id-in-cache", try_set_group_id_in_cache},
    {"change-mode-in-cache", try_change_mode_in_cache},
    {"open-other-cache", try_open_other_cache},
    {"read-other-cache", try_read_other_cache},
    {"make-in-other-cache", try_make_in_other_cache},
    {"read-vesper", try_read_vesper},
    {"write-through-proc", try_write_through_proc},
    {"socket-inet", try_socket_inet},
    {"socket-datagram", try_socket_datagram},
    {"socket-unix", try_socket_unix},
    {"socket-netlink", try_socket_netlink},
    {"connect", try_connect},
    {"fork", try_fork},
    {"signal-vesper", try_signal_vesper},
    {"signal-group", try_signal_group},
    {"slow-vesper", try_slow_vesper},
    {"type-into-terminal", try_type_into_terminal},
    {"dump-core", try_dump_core},
    {"signal-by-descriptor", try_signal_by_descriptor},
    {"remove-file", try_remove_file},
    {"exec", try_exec},
    {"exec-descriptor", try_exec_descriptor},
    {"trace-vesper", try_trace_vesper},
    {"read-memory-of-vesper", try_read_memory_of_vesper},
    {"mount", try_mount},
    {"leave-namespace", try_leave_namespace},
};

static void make_attempts(void) {
    const char *wanted = getenv("VESPER_INTRUDER");
    for (size_t i = 0; wanted && i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        char word[64];
        snprintf(word, sizeof(word), " %s ", attempts[i].name);
        if (strstr(wanted, word)) {
            errno = 0;
            const int result = attempts[i].attempt();
            dprintf(STDERR_FILENO, "intruder: %s: %s\n", attempts[i].name,
                    result == 0 ? "done" : strerrorname_np(errno));
        }
    }
}

/* ---- the layer: one instance, one device --------------------------------------------------- */

static PFN_vkGetInstanceProcAddr next_instance_call;
static PFN_vkGetDeviceProcAddr next_device_call;
static VkInstance current;

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *out) {
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)(uintptr_t)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO)) {
        link = (VkLayerInstanceCreateInfo *)(uintptr_t)link->pNext;
    }
    if (!link) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    next_instance_call = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    VkResult result =
        ((PFN_vkCreateInstance)next_instance_call(NULL, "vkCreateInstance"))(info, allocator, out);
    current = *out;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *out) {
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)(uintptr_t)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO)) {
        link = (VkLayerDeviceCreateInfo *)(uintptr_t)link->pNext;
    }
    if (!link) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    make_attempts();
    next_device_call = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateDevice)next_instance_call(current, "vkCreateDevice"))(physical, info,
                                                                               allocator, out);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL find_device_call(VkDevice device,
                                                                 const char *name) {
    return next_device_call(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL find_instance_call(VkInstance instance,
                                                                   const char *name) {
    if (strcmp(name, "vkCreateInstance") == 0) {
        return (PFN_vkVoidFunction)create_instance;
    }
    if (strcmp(name, "vkCreateDevice") == 0) {
        return (PFN_vkVoidFunction)create_device;
    }
    return next_instance_call ? next_instance_call(instance, name) : NULL;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *version) {
    version->loaderLayerInterfaceVersion = 2;
    version->pfnGetInstanceProcAddr = find_instance_call;
    version->pfnGetDeviceProcAddr = find_device_call;
    version->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
