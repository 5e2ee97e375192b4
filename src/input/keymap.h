/* From where a key is on a keyboard to its code: the layout is the guest's own business. */
#ifndef VESPER_INPUT_KEYMAP_H
#define VESPER_INPUT_KEYMAP_H

#include <stdint.h>

/* One more than the largest usage that has a code. */
#define INPUT_USAGE_COUNT 232

/* The code of a key by its usage in the USB HID "Keyboard/Keypad" page (SDL's scancodes below
 * INPUT_USAGE_COUNT are these); 0: it has none. Any thread. */
uint16_t input_key_from_usage(uint32_t usage);

#endif
