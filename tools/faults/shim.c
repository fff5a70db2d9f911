/*
 * Preloaded into a child: notes what is done to the files of one folder, or kills the child at the Nth of these.
 *
 * Nothing happens before `faults_record` or `faults_kill` is called. A record is
 * written after the deed, and both under one lock, so that their order is the true one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static size_t folder_length;
static FILE *records;
static long kill_at, seen;
static int kill_after;

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

void faults_record(const char *where, const char *log) {
    records = fopen(log, "wb");
    snprintf(folder, sizeof folder, "%s", where);
    folder_length = strlen(folder);
}

void faults_kill(const char *where, long n, int after) {
    kill_at = n;
    kill_after = after;
    snprintf(folder, sizeof folder, "%s", where);
    folder_length = strlen(folder);
}

void faults_mark(long n) {
    pthread_mutex_lock(&lock);
    note('M', "", 0, (uint64_t)n, NULL, 0);
    pthread_mutex_unlock(&lock);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_FILE(name, arguments, kind, offset, data, length) \
    char path[4096]; \
    static __typeof__(&name) real; \
    if (!real) real = REAL(name); \
    if (!is_ours(fd, path)) return real arguments; \
    pthread_mutex_lock(&lock); \
    moment(0); \
    __typeof__(real arguments) done = real arguments; \
    if (done >= 0) note(kind, path, strlen(path), (uint64_t)(offset), data, length); \
    moment(1); \
    pthread_mutex_unlock(&lock); \
    return done;

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    ON_FILE(pwrite, (fd, data, n, at), 'W', at, data, (size_t)done)
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    ON_FILE(pwrite64, (fd, data, n, at), 'W', at, data, (size_t)done)
}
ssize_t write(int fd, const void *data, size_t n) {
    ON_FILE(write, (fd, data, n), 'W', lseek(fd, 0, SEEK_CUR) - done, data, (size_t)done)
}
int fsync(int fd) { ON_FILE(fsync, (fd), 'S', 0, NULL, 0) }
int fdatasync(int fd) { ON_FILE(fdatasync, (fd), 'S', 0, NULL, 0) }
int ftruncate(int fd, off_t size) { ON_FILE(ftruncate, (fd, size), 'T', size, NULL, 0) }
int ftruncate64(int fd, off64_t size) { ON_FILE(ftruncate64, (fd, size), 'T', size, NULL, 0) }

int unlink(const char *path) {
    static __typeof__(&unlink) real;
    if (!real) real = REAL(unlink);
    if (!starts_with_folder(path)) return real(path);
    pthread_mutex_lock(&lock);
    moment(0);
    int done = real(path);
    if (done == 0) note('U', path, strlen(path), 0, NULL, 0);
    moment(1);
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    static __typeof__(&rename) real;
    if (!real) real = REAL(rename);
    if (!starts_with_folder(from)) return real(from, to);
    pthread_mutex_lock(&lock);
    moment(0);
    int done = real(from, to);
    if (done == 0) note('R', from, strlen(from), 0, to, strlen(to));
    moment(1);
    pthread_mutex_unlock(&lock);
    return done;
}
