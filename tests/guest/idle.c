/* idle [--seconds N]: makes a device, uses it once and sleeps. Prints "ready" before it sleeps. */
#include "common/resources.h"

#include <time.h>

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "idle");
    uint32_t seconds = guest_option_number(&g, "--seconds", 10, 3600);
    guest_create_device(&g, NULL, 0, NULL);
    struct guest_buffer buffer = guest_staging_create(&g, 4096);
    VkCommandBuffer cmd = guest_cmd_begin(&g);
    vkCmdFillBuffer(cmd, buffer.buffer, 0, VK_WHOLE_SIZE, 1);
    guest_cmd_finish(&g, cmd);
    guest_say("ready");
    struct timespec left = {.tv_sec = (time_t)seconds};
    while (nanosleep(&left, &left) != 0) {
    }
    guest_buffer_destroy(&g, &buffer);
    return guest_finish(&g);
}
