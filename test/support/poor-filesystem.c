/*
 * Preloaded into the program under test: below POOR_ROOT there are no hard links (link answers the errno POOR_LINK), files have
 * no mode of their own (chmod is refused) and directories cannot be flushed, as on CIFS, vfat and some appliances.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_poor(const char *path) {
  const char *root = getenv("POOR_ROOT");
  return root && strncmp(path, root, strlen(root)) == 0;
}

static int is_poor_fd(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_poor(path);
}

#define REAL(name, ...) ((int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int link(const char *from, const char *to) {
  if (!is_poor(to)) return REAL("link", const char *, const char *)(from, to);
  errno = atoi(getenv("POOR_LINK"));
  return -1;
}

int fchmod(int descriptor, mode_t mode) {
  if (!is_poor_fd(descriptor)) return REAL("fchmod", int, mode_t)(descriptor, mode);
  errno = EPERM;
  return -1;
}

int fsync(int descriptor) {
  struct stat facts;
  if (fstat(descriptor, &facts) != 0 || !S_ISDIR(facts.st_mode) || !is_poor_fd(descriptor))
    return REAL("fsync", int)(descriptor);
  errno = EBADF;
  return -1;
}
