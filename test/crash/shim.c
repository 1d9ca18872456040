/*
 * Preloaded into the program under test. It counts the calls that change files below one folder, over all threads and
 * processes of a run, and at call number N kills the process before the call, or makes the call fail, or writes only half.
 * With a trace file it also writes down every such call that succeeded.
 *
 *   CRASH_ROOT     folder whose files count          CRASH_PROGRAM  beginnings of the names of executables that count, by commas
 *   CRASH_COUNTER  file with an int, shared          CRASH_AT       call number, from 1; 0 never
 *   CRASH_ACTION   kill, short, or a number: errno   CRASH_TRACE    file that gets one line for each call
 *   CRASH_SKIP     names that end so do not count (lock files)
 *
 * In the trace `CALL number` stands before every call that counts in a run that strikes none, `STRUCK` before the one struck.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *root, *skip;
static size_t root_length;
static volatile int *counter;
static int at, is_short, injected, trace = -1;

__attribute__((constructor)) static void prepare(void) {
  char exe[PATH_MAX];
  const char *wanted = getenv("CRASH_PROGRAM");
  ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (!getenv("CRASH_ROOT") || !getenv("CRASH_COUNTER") || !wanted || length < 0) return;
  exe[length] = 0;
  const char *name = strrchr(exe, '/');
  name = name ? name + 1 : exe;
  while (strncmp(name, wanted, strcspn(wanted, ",")) != 0) {
    wanted += strcspn(wanted, ",");
    if (!*wanted++) return;
  }
  int descriptor = syscall(SYS_openat, AT_FDCWD, getenv("CRASH_COUNTER"), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return;
  void *page = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  syscall(SYS_close, descriptor);
  if (page == MAP_FAILED) return;
  counter = page;
  at = atoi(getenv("CRASH_AT") ? getenv("CRASH_AT") : "0");
  const char *action = getenv("CRASH_ACTION");
  is_short = action && strcmp(action, "short") == 0;
  injected = action ? atoi(action) : 0;
  if (getenv("CRASH_TRACE"))
    trace = syscall(SYS_openat, AT_FDCWD, getenv("CRASH_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  skip = getenv("CRASH_SKIP");
  root = getenv("CRASH_ROOT");
  root_length = strlen(root);
}

static void path_at(int directory, const char *path, char *out) {
  char base[PATH_MAX] = "";
  int held, end = 0;
  /* A name below a descriptor is the name that the administrator sees. */
  if (sscanf(path, "/proc/self/fd/%d/%n", &held, &end) == 1 && end > 0) {
    path_at(held, path + end, out);
    return;
  }
  if (path[0] == '/') {
    snprintf(out, PATH_MAX, "%s", path);
    return;
  }
  if (directory == AT_FDCWD) {
    if (syscall(SYS_getcwd, base, sizeof base) < 0) base[0] = 0;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, base, sizeof base - 1);
    base[length < 0 ? 0 : length] = 0;
  }
  snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static void path_of(int descriptor, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, out, PATH_MAX - 1);
  out[length < 0 ? 0 : length] = 0;
}

static int counts(const char *path) {
  size_t length = strlen(path);
  if (strncmp(path, root, root_length) != 0 || (path[root_length] != '/' && path[root_length] != 0)) return 0;
  return !skip || length < strlen(skip) || strcmp(path + length - strlen(skip), skip) != 0;
}

static void note(const char *operation, const char *first, const char *second) {
  if (trace < 0) return;
  char line[2 * PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", operation, first, second ? second : "");
  syscall(SYS_write, trace, line, (size_t)length);
}

/* 0: go on; 1: write half; otherwise the errno to answer. */
static int step(const char *operation, const char *first, const char *second) {
  int number = __sync_add_and_fetch(counter, 1);
  if (at == 0) {
    char text[32];
    snprintf(text, sizeof text, "CALL %d", number);
    note(text, operation, first);
  }
  if (number != at) return 0;
  note("STRUCK", operation, first);
  if (is_short) return strcmp(operation, "write") == 0 ? -1 : 0;
  if (injected) return injected;
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) pause();
}

#define REAL(name, type, ...)                          \
  static type (*real)(__VA_ARGS__);                    \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* Two-name calls. */
static int change(const char *operation, char *first, char *second, int *struck) {
  *struck = 0;
  if (!root || !(counts(first) || (second && counts(second)))) return 0;
  int answer = step(operation, first, second);
  if (answer > 0) {
    errno = answer;
    *struck = 1;
  }
  return 1;
}

#define CHANGE(operation, first, second, call)                            \
  int struck, seen = change(operation, first, second, &struck);           \
  if (struck) return -1;                                                  \
  int result = call;                                                      \
  if (seen && result == 0) {                                              \
    int kept = errno;                                                     \
    note(operation, first, second);                                       \
    errno = kept;                                                         \
  }                                                                       \
  return result

int rename(const char *from, const char *to) {
  REAL("rename", int, const char *, const char *);
  char a[PATH_MAX], b[PATH_MAX];
  path_at(AT_FDCWD, from, a), path_at(AT_FDCWD, to, b);
  CHANGE("rename", a, b, real(from, to));
}
int renameat(int d, const char *from, int e, const char *to) {
  REAL("renameat", int, int, const char *, int, const char *);
  char a[PATH_MAX], b[PATH_MAX];
  path_at(d, from, a), path_at(e, to, b);
  CHANGE("rename", a, b, real(d, from, e, to));
}
int renameat2(int d, const char *from, int e, const char *to, unsigned flags) {
  REAL("renameat2", int, int, const char *, int, const char *, unsigned);
  char a[PATH_MAX], b[PATH_MAX];
  path_at(d, from, a), path_at(e, to, b);
  CHANGE("rename", a, b, real(d, from, e, to, flags));
}
int link(const char *from, const char *to) {
  REAL("link", int, const char *, const char *);
  char a[PATH_MAX], b[PATH_MAX];
  path_at(AT_FDCWD, from, a), path_at(AT_FDCWD, to, b);
  CHANGE("link", a, b, real(from, to));
}
int linkat(int d, const char *from, int e, const char *to, int flags) {
  REAL("linkat", int, int, const char *, int, const char *, int);
  char a[PATH_MAX], b[PATH_MAX];
  path_at(d, from, a), path_at(e, to, b);
  CHANGE("link", a, b, real(d, from, e, to, flags));
}
int unlink(const char *path) {
  REAL("unlink", int, const char *);
  char a[PATH_MAX];
  path_at(AT_FDCWD, path, a);
  CHANGE("unlink", a, NULL, real(path));
}
int unlinkat(int d, const char *path, int flags) {
  REAL("unlinkat", int, int, const char *, int);
  char a[PATH_MAX];
  path_at(d, path, a);
  CHANGE(flags & AT_REMOVEDIR ? "rmdir" : "unlink", a, NULL, real(d, path, flags));
}
int rmdir(const char *path) {
  REAL("rmdir", int, const char *);
  char a[PATH_MAX];
  path_at(AT_FDCWD, path, a);
  CHANGE("rmdir", a, NULL, real(path));
}
int mkdir(const char *path, mode_t mode) {
  REAL("mkdir", int, const char *, mode_t);
  char a[PATH_MAX];
  path_at(AT_FDCWD, path, a);
  CHANGE("mkdir", a, NULL, real(path, mode));
}
int mkdirat(int d, const char *path, mode_t mode) {
  REAL("mkdirat", int, int, const char *, mode_t);
  char a[PATH_MAX];
  path_at(d, path, a);
  CHANGE("mkdir", a, NULL, real(d, path, mode));
}
int symlink(const char *target, const char *path) {
  REAL("symlink", int, const char *, const char *);
  char a[PATH_MAX];
  path_at(AT_FDCWD, path, a);
  CHANGE("symlink", a, NULL, real(target, path));
}
int fsync(int descriptor) {
  REAL("fsync", int, int);
  char a[PATH_MAX];
  path_of(descriptor, a);
  CHANGE("fsync", a, NULL, real(descriptor));
}
int fdatasync(int descriptor) {
  REAL("fdatasync", int, int);
  char a[PATH_MAX];
  path_of(descriptor, a);
  CHANGE("fsync", a, NULL, real(descriptor));
}
int ftruncate(int descriptor, off_t length) {
  REAL("ftruncate", int, int, off_t);
  char a[PATH_MAX];
  path_of(descriptor, a);
  CHANGE("truncate", a, NULL, real(descriptor, length));
}
int ftruncate64(int descriptor, off64_t length) {
  REAL("ftruncate64", int, int, off64_t);
  char a[PATH_MAX];
  path_of(descriptor, a);
  CHANGE("truncate", a, NULL, real(descriptor, length));
}

/* Writes: `half` is the same call with half the bytes. */
#define WRITE(descriptor, whole, half)                                    \
  char a[PATH_MAX] = "";                                                  \
  int seen = 0, answer = 0;                                               \
  if (root && descriptor > 2) {                                           \
    path_of(descriptor, a);                                               \
    if ((seen = counts(a))) answer = step("write", a, NULL);              \
  }                                                                       \
  if (answer > 0) {                                                       \
    errno = answer;                                                       \
    return -1;                                                            \
  }                                                                       \
  ssize_t result = answer < 0 ? half : whole;                             \
  if (seen && result > 0) note("write", a, NULL);                         \
  return result

ssize_t write(int descriptor, const void *bytes, size_t count) {
  REAL("write", ssize_t, int, const void *, size_t);
  WRITE(descriptor, real(descriptor, bytes, count), real(descriptor, bytes, count / 2 + 1 > count ? count : count / 2 + 1));
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
  WRITE(descriptor, real(descriptor, bytes, count, offset), real(descriptor, bytes, count / 2 + 1 > count ? count : count / 2 + 1, offset));
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
  WRITE(descriptor, real(descriptor, bytes, count, offset), real(descriptor, bytes, count / 2 + 1 > count ? count : count / 2 + 1, offset));
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  REAL("writev", ssize_t, int, const struct iovec *, int);
  WRITE(descriptor, real(descriptor, parts, count), real(descriptor, parts, 1));
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  REAL("pwritev", ssize_t, int, const struct iovec *, int, off_t);
  WRITE(descriptor, real(descriptor, parts, count, offset), real(descriptor, parts, 1, offset));
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  REAL("pwritev64", ssize_t, int, const struct iovec *, int, off64_t);
  WRITE(descriptor, real(descriptor, parts, count, offset), real(descriptor, parts, 1, offset));
}
ssize_t sendfile(int descriptor, int source, off_t *offset, size_t count) {
  REAL("sendfile", ssize_t, int, int, off_t *, size_t);
  WRITE(descriptor, real(descriptor, source, offset, count), real(descriptor, source, offset, count / 2 + 1));
}
ssize_t sendfile64(int descriptor, int source, off64_t *offset, size_t count) {
  REAL("sendfile64", ssize_t, int, int, off64_t *, size_t);
  WRITE(descriptor, real(descriptor, source, offset, count), real(descriptor, source, offset, count / 2 + 1));
}
ssize_t copy_file_range(int source, off64_t *from, int descriptor, off64_t *to, size_t count, unsigned flags) {
  REAL("copy_file_range", ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned);
  WRITE(descriptor, real(source, from, descriptor, to, count, flags), real(source, from, descriptor, to, count / 2 + 1, flags));
}

/* Opening for writing: a new name, or an old file emptied. */
static int opened(int directory, const char *path, int flags, mode_t mode) {
  char a[PATH_MAX];
  struct stat facts;
  if (!root || !(flags & (O_CREAT | O_TRUNC))) return syscall(SYS_openat, directory, path, flags, mode);
  path_at(directory, path, a);
  if (!counts(a)) return syscall(SYS_openat, directory, path, flags, mode);
  int is_new = syscall(SYS_newfstatat, directory, path, &facts, AT_SYMLINK_NOFOLLOW) < 0;
  const char *operation = is_new ? "create" : flags & O_TRUNC ? "truncate" : NULL;
  int answer = operation ? step(operation, a, NULL) : 0;
  if (answer > 0) {
    errno = answer;
    return -1;
  }
  int descriptor = syscall(SYS_openat, directory, path, flags, mode);
  if (descriptor >= 0 && operation) note(operation, a, NULL);
  return descriptor;
}
#define MODE(flags)                          \
  mode_t mode = 0;                           \
  if (flags & (O_CREAT | __O_TMPFILE)) {     \
    va_list rest;                            \
    va_start(rest, flags);                   \
    mode = va_arg(rest, mode_t);             \
    va_end(rest);                            \
  }
int open(const char *path, int flags, ...) {
  MODE(flags) return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  MODE(flags) return opened(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  MODE(flags) return opened(directory, path, flags | O_LARGEFILE, mode);
}
