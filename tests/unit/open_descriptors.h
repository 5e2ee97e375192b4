/* How many descriptors this process has open, for tests that must leave none behind. */
#ifndef VESPER_TESTS_OPEN_DESCRIPTORS_H
#define VESPER_TESTS_OPEN_DESCRIPTORS_H

#include <fcntl.h>

/* Of the first 1024; new descriptors always take the lowest free number. */
static inline int count_open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

#endif
