/* The first and only program of the emulated machine: runs what is in /tests, one after the other,
 * says how each ended, and switches the machine off. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_MAX = 120 };

static void mount_at(const char *type, const char *path) {
    mkdir(path, 0755);
    if (mount(type, path, type, 0, NULL) < 0) {
        printf("mount %s: %s\n", path, strerror(errno));
    }
}

static void prepare(void) {
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("devtmpfs", "/dev");
    mount_at("tmpfs", "/dev/shm");
    mount_at("tmpfs", "/tmp");
    int console = open("/dev/console", O_RDWR);
    for (int fd = 0; fd < 3 && console >= 0; fd++) {
        dup2(console, fd);
    }
    if (console > 2) {
        close(console);
    }
    struct rlimit limit = {1024, 65536}; /* as a login gives */
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const char *name) {
    char path[300];
    snprintf(path, sizeof(path), "/tests/%s", name);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS_MAX);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

int main(void) {
    prepare();
    printf("PAGE %ld\n", sysconf(_SC_PAGESIZE));
    struct dirent **entries;
    int count = scandir("/tests", &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        printf("BEGIN %s\n", entries[i]->d_name);
        fflush(stdout);
        printf("END %s %d\n", entries[i]->d_name, run(entries[i]->d_name));
        fflush(stdout);
    }
    printf("DONE %d\n", count);
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
