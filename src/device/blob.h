/* Blobs that contexts make. Device thread. */
#ifndef VESPER_DEVICE_BLOB_H
#define VESPER_DEVICE_BLOB_H

struct device;
struct gpu_blob_answer;
struct gpu_context;

/* The context has answered: makes the resource, answers the request. Takes the answer's storage. */
void gpu_blob_answered(struct device *device, struct gpu_context *context,
                       struct gpu_blob_answer *answer);
/* No answer comes any more to those that wait for the context: they are refused with `reason`.
 * Its mailbox has let go of them. */
void gpu_blobs_refuse(struct device *device, struct gpu_context *context, const char *reason);

#endif
