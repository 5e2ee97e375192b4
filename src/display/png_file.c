#include "display/png_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <png.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Screens are large and mostly plain: more effort costs more time than it saves space. */
#define COMPRESSION_LEVEL 2

struct png_output {
    FILE *file;
    int error;
};

static void fail(struct png_output *output, int error) {
    if (!output->error) {
        output->error = error;
    }
}

static void on_error(png_structp png, png_const_charp message) {
    (void)message;
    /* Whatever libpng says itself, with files that could be written, is about memory. */
    fail(png_get_error_ptr(png), -ENOMEM);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t size) {
    struct png_output *output = png_get_io_ptr(png);
    errno = EIO;
    if (fwrite(bytes, 1, size, output->file) != size) {
        fail(output, -errno);
        png_error(png, "not written");
    }
}

static void on_flush(png_structp png) {
    (void)png;
}

static void write_image(png_structp png, png_infop info, const uint32_t *pixels, uint32_t width,
                        uint32_t height, uint32_t stride) {
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, COMPRESSION_LEVEL);
    /* The others are smaller by little on screens, and slow to write and to read. */
    png_set_filter(png, 0, PNG_FILTER_NONE | PNG_FILTER_SUB | PNG_FILTER_UP);
    png_write_info(png, info);
    /* In memory a pixel is the bytes B, G, R, X. */
    png_set_bgr(png);
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (uint32_t y = 0; y < height; y++) {
        png_write_row(png, (png_const_bytep)pixels + (size_t)stride * y);
    }
    png_write_end(png, info);
}

static int encode(FILE *file, const uint32_t *pixels, uint32_t width, uint32_t height,
                  uint32_t stride) {
    struct png_output output = {.file = file};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return -ENOMEM;
    }
    png_set_write_fn(png, &output, on_write, on_flush);
    if (setjmp(png_jmpbuf(png)) == 0) {
        write_image(png, info, pixels, width, height, stride);
    }
    png_destroy_write_struct(&png, &info);
    return output.error;
}

/* A name that no other picture of this or another process has. */
static int make_temporary_name(const char *path, char *out, size_t size) {
    static _Atomic(unsigned) number;
    int length =
        snprintf(out, size, "%s.%ld-%u.part", path, (long)getpid(), atomic_fetch_add(&number, 1));
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static int write_file(const char *path, const uint32_t *pixels, uint32_t width, uint32_t height,
                      uint32_t stride) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return -errno;
    }
    FILE *file = fdopen(fd, "wb");
    if (!file) {
        int error = -errno;
        close(fd);
        unlink(path);
        return error;
    }
    int error = encode(file, pixels, width, height, stride);
    if (fclose(file) && !error) {
        error = -errno;
    }
    if (error) {
        unlink(path);
    }
    return error;
}

int display_png_write(const char *path, const uint32_t *pixels, uint32_t width, uint32_t height,
                      uint32_t stride) {
    char temporary[PATH_MAX];
    int error = make_temporary_name(path, temporary, sizeof(temporary));
    if (error) {
        return error;
    }
    error = write_file(temporary, pixels, width, height, stride);
    if (error) {
        return error;
    }
    if (rename(temporary, path)) {
        error = -errno;
        unlink(temporary);
    }
    return error;
}
