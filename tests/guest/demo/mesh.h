/* The demo's geometry: a torus knot, a cube and a floor, in one vertex and one index array. */
#ifndef VESPER_DEMO_MESH_H
#define VESPER_DEMO_MESH_H

#include <stdbool.h>
#include <stdint.h>

#include "vectors.h"

struct mesh_vertex {
    struct vec3 position, normal;
    float u, v;
};

struct mesh_part {
    uint32_t first_index, index_count;
};

enum { MESH_FLOOR, MESH_KNOT, MESH_CUBE, MESH_PARTS };

struct mesh {
    struct mesh_vertex *vertices;
    uint32_t *indices;
    uint32_t vertex_count, index_count;
    struct mesh_part parts[MESH_PARTS]; /* in the order of the shaders' KIND_… */
};

/* Allocates the arrays; false if there is no memory. */
bool mesh_init(struct mesh *mesh);
void mesh_finish(struct mesh *mesh);

#endif
