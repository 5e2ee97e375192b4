/* Column-major 4×4 matrices for the demo; Vulkan's clip space (y down, depth from 0 to 1). */
#ifndef VESPER_DEMO_VECTORS_H
#define VESPER_DEMO_VECTORS_H

struct vec3 {
    float x, y, z;
};

struct mat4 {
    float m[16];
};

struct vec3 vec3_normal(struct vec3 v);
struct vec3 vec3_cross(struct vec3 a, struct vec3 b);
float vec3_dot(struct vec3 a, struct vec3 b);

struct mat4 mat4_multiply(const struct mat4 *a, const struct mat4 *b);
struct mat4 mat4_look_at(struct vec3 eye, struct vec3 center);

/* `angle`: vertical, in radians; `aspect`: width over height. */
struct mat4 mat4_perspective(float angle, float aspect, float near_z, float far_z);

/* A box of 2·`half_side` in x and y. */
struct mat4 mat4_orthographic(float half_side, float near_z, float far_z);

#endif
