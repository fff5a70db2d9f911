/*
 * Preloaded into a child: sees what is done to the files of one folder. It notes each deed, kills
 * the child at the Nth, lets the Nth fail, or makes the disk small.
 *
 * Nothing happens before one of the functions `faults_...` is called. A record is
 * written after the deed, and both under one lock, so that their order is the true one.
 * What a file without a name is written does not count, nor what goes through shared memory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static size_t folder_length;
static FILE *records;
static long kill_at, fail_at, seen;
static int kill_after, fail_error, fails_on;
static int64_t room; /* bytes that the folder's files may take; 0 for any number */

struct head { uint32_t kind, path_length; uint64_t offset, length, time_ns; };

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void note(char kind, const char *path, size_t path_length, uint64_t offset, const void *data, size_t length) {
    struct head head = {(uint32_t)kind, (uint32_t)path_length, offset, length, now()};
    if (!records) return;
    fwrite(&head, sizeof head, 1, records);
    fwrite(path, 1, path_length, records);
    if (length) fwrite(data, 1, length, records);
    fflush(records);
}

/* Whether it is ours; the path is then filled in. */
static int is_ours(int fd, char *path) {
    char link[64];
    if (!folder_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    if (n < 0) return 0;
    path[n] = 0;
    if (n > 10 && strcmp(path + n - 10, " (deleted)") == 0) return 0;
    return strncmp(path, folder, folder_length) == 0;
}

static int starts_with_folder(const char *path) {
    return folder_length && strncmp(path, folder, folder_length) == 0;
}

/* Called before and after each deed; one of both is where the child may die. */
static void moment(int after) {
    if (!kill_at || after != kill_after) return;
    if (++seen >= kill_at) kill(getpid(), SIGKILL);
}

/* Whether this deed fails; errno is then set. */
static int fails(void) {
    if (!fail_error) return 0;
    seen++;
    if (!fail_at || seen < fail_at || (seen > fail_at && !fails_on)) return 0;
    errno = fail_error;
    return 1;
}

/* Whether the files of the folder may not grow by so many bytes; errno is then set. */
static int is_too_much(int fd, uint64_t end) {
    struct stat about;
    if (!room || fstat(fd, &about) != 0 || end <= (uint64_t)about.st_size) return 0;
    int64_t used = (int64_t)(end - (uint64_t)about.st_size);
    DIR *found = opendir(folder);
    if (!found) return 0;
    for (struct dirent *each; (each = readdir(found));)
        if (fstatat(dirfd(found), each->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode))
            used += about.st_size;
    closedir(found);
    if (used <= room) return 0;
    errno = ENOSPC;
    return 1;
}

static void watch(const char *where) {
    snprintf(folder, sizeof folder, "%s", where);
    folder_length = strlen(folder);
}

void faults_record(const char *where, const char *log) {
    records = fopen(log, "wb");
    watch(where);
}

void faults_kill(const char *where, long n, int after) {
    kill_at = n;
    kill_after = after;
    watch(where);
}

/* The Nth deed from now fails with this errno, and with `on` all that follow; N of 0 counts only. */
void faults_fail(const char *where, long n, int error, int on) {
    pthread_mutex_lock(&lock);
    fail_at = n;
    fail_error = error;
    fails_on = on;
    seen = 0;
    watch(where);
    pthread_mutex_unlock(&lock);
}

/* How many deeds there were since `faults_fail`. */
long faults_seen(void) {
    return seen;
}

/* From now on the folder's files take so many bytes at most. */
void faults_limit(const char *where, int64_t bytes) {
    room = bytes;
    watch(where);
}

void faults_mark(long n) {
    pthread_mutex_lock(&lock);
    note('M', "", 0, (uint64_t)n, NULL, 0);
    pthread_mutex_unlock(&lock);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_FILE(name, arguments, kind, offset, data, length, end, refused) \
    char path[4096]; \
    static __typeof__(&name) real; \
    if (!real) real = REAL(name); \
    if (!is_ours(fd, path)) return real arguments; \
    pthread_mutex_lock(&lock); \
    moment(0); \
    __typeof__(real arguments) done = refused; \
    if (!fails() && !is_too_much(fd, (uint64_t)(end))) done = real arguments; \
    int error = errno; \
    if (done >= 0) note(kind, path, strlen(path), (uint64_t)(offset), data, length); \
    moment(1); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return done;

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    ON_FILE(pwrite, (fd, data, n, at), 'W', at, data, (size_t)done, at + (off_t)n, -1)
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    ON_FILE(pwrite64, (fd, data, n, at), 'W', at, data, (size_t)done, at + (off64_t)n, -1)
}
ssize_t write(int fd, const void *data, size_t n) {
    ON_FILE(write, (fd, data, n), 'W', lseek(fd, 0, SEEK_CUR) - done, data, (size_t)done,
            lseek(fd, 0, SEEK_CUR) + (off_t)n, -1)
}
int fsync(int fd) { ON_FILE(fsync, (fd), 'S', 0, NULL, 0, 0, -1) }
int fdatasync(int fd) { ON_FILE(fdatasync, (fd), 'S', 0, NULL, 0, 0, -1) }
int ftruncate(int fd, off_t size) { ON_FILE(ftruncate, (fd, size), 'T', size, NULL, 0, size, -1) }
int ftruncate64(int fd, off64_t size) { ON_FILE(ftruncate64, (fd, size), 'T', size, NULL, 0, size, -1) }

/* Of all these it alone returns its error; what was set aside is no write, and is not noted. */
#define ON_ALLOCATE(name, end) \
    char path[4096]; \
    static __typeof__(&name) real; \
    if (!real) real = REAL(name); \
    if (!is_ours(fd, path)) return real(fd, at, size); \
    pthread_mutex_lock(&lock); \
    int error = fails() || is_too_much(fd, (uint64_t)(end)) ? errno : real(fd, at, size); \
    pthread_mutex_unlock(&lock); \
    return error;

int posix_fallocate(int fd, off_t at, off_t size) { ON_ALLOCATE(posix_fallocate, at + size) }
int posix_fallocate64(int fd, off64_t at, off64_t size) { ON_ALLOCATE(posix_fallocate64, at + size) }

/* A file that is made by opening it. */
#define ON_OPEN(name) \
    static __typeof__(&name) real; \
    if (!real) real = REAL(name); \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    } \
    if (!(flags & O_CREAT) || !starts_with_folder(path)) return real(path, flags, mode); \
    pthread_mutex_lock(&lock); \
    int is_new = access(path, F_OK) != 0, done = -1; \
    if (!is_new || !fails()) done = real(path, flags, mode); \
    int error = errno; \
    if (done >= 0 && is_new) note('C', path, strlen(path), 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    errno = error; \
    return done;

int open(const char *path, int flags, ...) { ON_OPEN(open) }
int open64(const char *path, int flags, ...) { ON_OPEN(open64) }

int unlink(const char *path) {
    static __typeof__(&unlink) real;
    if (!real) real = REAL(unlink);
    if (!starts_with_folder(path)) return real(path);
    pthread_mutex_lock(&lock);
    moment(0);
    int done = fails() ? -1 : real(path), error = errno;
    if (done == 0) note('U', path, strlen(path), 0, NULL, 0);
    moment(1);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int rename(const char *from, const char *to) {
    static __typeof__(&rename) real;
    if (!real) real = REAL(rename);
    if (!starts_with_folder(from)) return real(from, to);
    pthread_mutex_lock(&lock);
    moment(0);
    int done = fails() ? -1 : real(from, to), error = errno;
    if (done == 0) note('R', from, strlen(from), 0, to, strlen(to));
    moment(1);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}
