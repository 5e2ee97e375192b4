#include "vectors.h"

#include <math.h>

struct vec3 vec3_normal(struct vec3 v) {
    float length = sqrtf(vec3_dot(v, v));
    return (struct vec3){v.x / length, v.y / length, v.z / length};
}

struct vec3 vec3_cross(struct vec3 a, struct vec3 b) {
    return (struct vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

float vec3_dot(struct vec3 a, struct vec3 b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

struct mat4 mat4_multiply(const struct mat4 *a, const struct mat4 *b) {
    struct mat4 product = {{0}};
    for (int column = 0; column < 4; column++) {
        for (int row = 0; row < 4; row++) {
            for (int k = 0; k < 4; k++) {
                product.m[column * 4 + row] += a->m[k * 4 + row] * b->m[column * 4 + k];
            }
        }
    }
    return product;
}

struct mat4 mat4_look_at(struct vec3 eye, struct vec3 center) {
    struct vec3 forward =
        vec3_normal((struct vec3){center.x - eye.x, center.y - eye.y, center.z - eye.z});
    struct vec3 side = vec3_normal(vec3_cross(forward, (struct vec3){0.0f, 1.0f, 0.0f}));
    struct vec3 up = vec3_cross(side, forward);
    return (struct mat4){{
        side.x,
        up.x,
        -forward.x,
        0.0f,
        side.y,
        up.y,
        -forward.y,
        0.0f,
        side.z,
        up.z,
        -forward.z,
        0.0f,
        -vec3_dot(side, eye),
        -vec3_dot(up, eye),
        vec3_dot(forward, eye),
        1.0f,
    }};
}

struct mat4 mat4_perspective(float angle, float aspect, float near_z, float far_z) {
    float scale = 1.0f / tanf(angle * 0.5f);
    struct mat4 made = {{0}};
    made.m[0] = scale / aspect;
    made.m[5] = -scale;
    made.m[10] = far_z / (near_z - far_z);
    made.m[11] = -1.0f;
    made.m[14] = near_z * far_z / (near_z - far_z);
    return made;
}

struct mat4 mat4_orthographic(float half_side, float near_z, float far_z) {
    struct mat4 made = {{0}};
    made.m[0] = 1.0f / half_side;
    made.m[5] = -1.0f / half_side;
    made.m[10] = 1.0f / (near_z - far_z);
    made.m[14] = near_z / (near_z - far_z);
    made.m[15] = 1.0f;
    return made;
}
