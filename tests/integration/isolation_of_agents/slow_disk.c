/*
 * A disk that is slow for the files below one folder, while a file named `slow` lies in it. Preloaded.
 */

#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DELAY_MICROSECONDS = 500000 };

static int is_slow(int fd) {
    const char *folder = getenv("SLOW_DISK");
    char link[64], path[PATH_MAX], order[PATH_MAX];
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    if (strncmp(path, folder, strlen(folder))) return 0;
    if (snprintf(order, sizeof order, "%s/slow", folder) >= (int)sizeof order) return 0;
    return access(order, F_OK) == 0;
}

static int synced(int fd, long call) {
    if (is_slow(fd)) usleep(DELAY_MICROSECONDS);
    return syscall(call, fd);
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
