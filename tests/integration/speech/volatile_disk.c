/*
 * Writes down what a process writes to the files of one folder, and brings to the disk, in the order in which it does.
 * Preloaded; `volatile_disk.py` says what the disk had when the power failed. Without `watch_folder` it only passes on.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITTEN = 'w', CUT = 't', SYNCED = 's', CREATED = 'c', UNLINKED = 'u', RENAMED = 'r' };
enum { FILES = 4096 };

struct __attribute__((packed)) step {
    char kind;
    uint64_t inode;
    int64_t offset; /* of what is written; the new length of what is cut */
    uint32_t bytes; /* of what follows: what is written, or a name */
};

static char folder[PATH_MAX];
static size_t folder_length;
static int trace = -1;
static int deadly;  /* the kind of step that kills; 0: none */
static long left;   /* steps of that kind until then */
static uint64_t inodes[FILES];
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static useconds_t sync_delay;

/* From now on; the process dies before the n-th step of the deadly kind. */
void watch_folder(const char *path, const char *trace_path, int kind, long nth) {
    folder_length = strlen(path);
    memcpy(folder, path, folder_length + 1);
    trace = syscall(SYS_openat, AT_FDCWD, trace_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    deadly = kind;
    left = nth;
}

/* Every sync takes so much longer. */
void delay_syncs(unsigned microseconds) { sync_delay = microseconds; }

static const char *name_in_folder(const char *path) {
    if (!folder_length || strncmp(path, folder, folder_length) || path[folder_length] != '/') return NULL;
    return path + folder_length + 1;
}

static uint64_t inode_of(int fd) { return fd >= 0 && fd < FILES ? inodes[fd] : 0; }

static void begin(enum kind kind) {
    pthread_mutex_lock(&one_at_a_time);
    if ((int)kind == deadly && --left == 0) kill(getpid(), SIGKILL);
}

static void end(enum kind kind, uint64_t inode, int64_t offset, const void *data, size_t bytes) {
    int error = errno;
    struct step step = {kind, inode, offset, bytes};
    struct iovec parts[] = {{&step, sizeof step}, {(void *)data, bytes}};
    if (syscall(SYS_writev, trace, parts, 2) != (long)(sizeof step + bytes)) abort();
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
}

static void give_up(void) { pthread_mutex_unlock(&one_at_a_time); }

static int opened(int directory, const char *path, int flags, mode_t mode) {
    const char *name = directory == AT_FDCWD ? name_in_folder(path) : NULL;
    int is_folder = folder_length && !strcmp(path, folder);
    if (!name && !is_folder) return syscall(SYS_openat, directory, path, flags, mode);
    int is_new = name && (flags & O_CREAT) && access(path, F_OK);
    if (is_new) begin(CREATED);
    int fd = syscall(SYS_openat, directory, path, flags, mode);
    struct stat file;
    if (fd >= 0 && fd < FILES && !fstat(fd, &file)) inodes[fd] = file.st_ino;
    if (is_new && fd < 0) give_up();
    if (is_new && fd >= 0) end(CREATED, inodes[fd], 0, name, strlen(name));
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FILES) inodes[fd] = 0;
    return syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
    uint64_t inode = inode_of(fd);
    if (!inode) return syscall(SYS_pwrite64, fd, data, count, offset);
    begin(WRITTEN);
    ssize_t done = syscall(SYS_pwrite64, fd, data, count, offset);
    if (done < 0) give_up();
    else end(WRITTEN, inode, offset, data, done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) { return pwrite64(fd, data, count, offset); }

ssize_t write(int fd, const void *data, size_t count) {
    uint64_t inode = inode_of(fd);
    if (!inode) return syscall(SYS_write, fd, data, count);
    begin(WRITTEN);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_write, fd, data, count);
    if (done < 0) give_up();
    else end(WRITTEN, inode, offset, data, done);
    return done;
}

int ftruncate64(int fd, off64_t length) {
    uint64_t inode = inode_of(fd);
    if (!inode) return syscall(SYS_ftruncate, fd, length);
    begin(CUT);
    int failed = syscall(SYS_ftruncate, fd, length);
    if (failed) give_up();
    else end(CUT, inode, length, NULL, 0);
    return failed;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long call) {
    uint64_t inode = inode_of(fd);
    if (sync_delay) usleep(sync_delay);
    if (!inode) return syscall(call, fd);
    begin(SYNCED); /* and not carried out: the files are made anew from what is written down */
    end(SYNCED, inode, 0, NULL, 0);
    return 0;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int unlink(const char *path) {
    const char *name = name_in_folder(path);
    if (!name) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    begin(UNLINKED);
    int failed = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (failed) give_up();
    else end(UNLINKED, 0, 0, name, strlen(name));
    return failed;
}

int rename(const char *from, const char *to) {
    const char *old = name_in_folder(from), *new = name_in_folder(to);
    if (!old || !new) return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    begin(RENAMED);
    int failed = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    char names[2 * PATH_MAX];
    size_t bytes = stpcpy(stpcpy(names, old) + 1, new) - names;
    if (failed) give_up();
    else end(RENAMED, 0, 0, names, bytes);
    return failed;
}
