/* The thread that writes pictures to files, so that no scanout waits for a disk. Any thread. */
#ifndef VESPER_DISPLAY_PICTURE_WRITER_H
#define VESPER_DISPLAY_PICTURE_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct software_frame;

/* A copy of what a scanout showed; reference-counted. */
struct picture_image;

/* Copies a frame with pixels. Gives one reference; NULL: no memory. */
struct picture_image *picture_image_create(const struct software_frame *frame);
struct picture_image *picture_image_ref(struct picture_image *image);
void picture_image_unref(struct picture_image *image);

/* A picture to be written. Made by picture_job_create; whoever has it ends it once. */
struct picture_job {
    struct picture_job *next;
    struct picture_image *image; /* a reference; NULL: not taken yet */
    uint32_t scanout;
    uint64_t ticket; /* of the frame that is wanted */
    void (*done)(void *user, int error); /* may be NULL */
    void *user;
    char path[];
};

/* Copies `path`. NULL: no memory. */
struct picture_job *picture_job_create(const char *path);
/* Says how it ended (0 or a negative errno: then a message is written too), and frees it. */
void picture_job_finish(struct picture_job *job, int error);

struct picture_writer;

/* Starts the thread. 0 or a negative errno. */
int picture_writer_create(struct picture_writer **out);
/* Writes what was added, then ends the thread. */
void picture_writer_destroy(struct picture_writer *writer);
/* Takes a job with an image, and ends it on the thread. */
void picture_writer_add(struct picture_writer *writer, struct picture_job *job);
/* Jobs not ended yet. */
size_t picture_writer_get_backlog(struct picture_writer *writer);

#endif
