/* What the tests' servers give the device that they are linked with. */
#ifndef VESPER_TEST_DEVICE_H
#define VESPER_TEST_DEVICE_H

#include "device/device.h"

void test_device_fill_options(struct device_options *options);

#endif
