#include "held_driver.h"

#include <vulkan/vulkan.h>

#include "renderer/context.h"
#include "renderer/driver.h"

void hold_driver(void) {
    static VkInstance held;
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    char reason[256];
    if (!held && renderer_open_driver(reason, sizeof(reason)) == 0) {
        PFN_vkCreateInstance create =
            (PFN_vkCreateInstance)driver_get_entry()(NULL, "vkCreateInstance");
        if (create(&info, NULL, &held)) {
            held = NULL;
        }
    }
}
