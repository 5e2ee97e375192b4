/* edid_grid FOLDER: writes EDIDs of many monitors there, one a file. */
#include <stdio.h>

#include "device/edid.h"

static int write_one(const char *folder, const struct gpu_edid *of) {
    uint8_t bytes[GPU_EDID_BYTES_MAX];
    const size_t size = gpu_edid_make(bytes, of);
    char path[1024];
    snprintf(path, sizeof(path), "%s/%ux%u@%u-%u%s.edid", folder, of->width, of->height,
             of->refresh_hz, of->dpi, of->hdr ? "-hdr" : "");
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    const size_t written = fwrite(bytes, 1, size, file);
    return fclose(file) != 0 || written != size;
}

int main(int argc, char **argv) {
    static const uint32_t sizes[][2] = {{1, 1},       {64, 64},       {640, 480},   {800, 600},
                                        {1024, 768},  {1280, 800},    {1366, 768},  {1440, 900},
                                        {1920, 1080}, {1920, 1200},   {2560, 1440}, {3440, 1440},
                                        {3840, 2160}, {4095, 4095},   {4096, 2160}, {5120, 2880},
                                        {7680, 4320}, {16384, 16384}, {1080, 1920}, {1237, 911}};
    static const uint32_t rates[] = {24, 30, 50, 60, 75, 120, 144, 240, 500};
    static const uint32_t densities[] = {10, 192, 1000};
    int failed = argc != 2;
    for (unsigned i = 0; !failed && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct gpu_edid of = {.number = i % 16, .width = sizes[i][0], .height = sizes[i][1]};
        of.dpi = 96;
        for (unsigned j = 0; j < 2 * sizeof(rates) / sizeof(rates[0]); j++) {
            of.refresh_hz = rates[j / 2];
            of.hdr = j % 2;
            failed |= write_one(argv[1], &of);
        }
        of.refresh_hz = 60;
        for (unsigned j = 0; j < sizeof(densities) / sizeof(densities[0]); j++) {
            of.dpi = densities[j];
            failed |= write_one(argv[1], &of);
        }
    }
    return failed;
}
