#include "mesh.h"

#include <math.h>
#include <stdlib.h>

enum {
    KNOT_LENGTH = 240,
    KNOT_ROUND = 20,
    MAX_VERTICES = (KNOT_LENGTH + 1) * (KNOT_ROUND + 1) + 4 + 24,
    MAX_INDICES = KNOT_LENGTH * KNOT_ROUND * 6 + 6 + 36,
};

static const float TAU = 6.2831853f;

static void add_quad(struct mesh *mesh, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t corners[6] = {a, b, c, a, c, d};
    for (int i = 0; i < 6; i++) {
        mesh->indices[mesh->index_count++] = corners[i];
    }
}

static void add_vertex(struct mesh *mesh, struct vec3 position, struct vec3 normal, float u,
                       float v) {
    mesh->vertices[mesh->vertex_count++] = (struct mesh_vertex){position, normal, u, v};
}

static void add_floor(struct mesh *mesh) {
    const struct vec3 up = {0.0f, 1.0f, 0.0f};
    uint32_t first = mesh->vertex_count;
    for (int i = 0; i < 4; i++) {
        float x = (i == 0 || i == 3) ? -30.0f : 30.0f, z = i < 2 ? 30.0f : -30.0f;
        add_vertex(mesh, (struct vec3){x, 0.0f, z}, up, x * 0.25f, z * 0.25f);
    }
    add_quad(mesh, first, first + 1, first + 2, first + 3);
}

/* The (2, 3) torus knot. */
static struct vec3 knot_at(float t) {
    float r = 1.15f + 0.45f * cosf(3.0f * t);
    return (struct vec3){r * cosf(2.0f * t), 0.75f * sinf(3.0f * t), r * sinf(2.0f * t)};
}

static void add_knot_ring(struct mesh *mesh, int i) {
    float t = TAU * (float)i / KNOT_LENGTH;
    struct vec3 center = knot_at(t), ahead = knot_at(t + 0.01f);
    struct vec3 along =
        vec3_normal((struct vec3){ahead.x - center.x, ahead.y - center.y, ahead.z - center.z});
    struct vec3 side = vec3_normal(vec3_cross(along, center));
    struct vec3 over = vec3_cross(side, along);
    const float thick = 0.27f;
    for (int j = 0; j <= KNOT_ROUND; j++) {
        float a = TAU * (float)j / KNOT_ROUND, c = cosf(a), s = sinf(a);
        struct vec3 normal = {side.x * c + over.x * s, side.y * c + over.y * s,
                              side.z * c + over.z * s};
        struct vec3 position = {center.x + normal.x * thick, center.y + normal.y * thick,
                                center.z + normal.z * thick};
        add_vertex(mesh, position, normal, 24.0f * (float)i / KNOT_LENGTH,
                   2.0f * (float)j / KNOT_ROUND);
    }
}

static void add_knot(struct mesh *mesh) {
    uint32_t first = mesh->vertex_count;
    for (int i = 0; i <= KNOT_LENGTH; i++) {
        add_knot_ring(mesh, i);
    }
    for (uint32_t i = 0; i < KNOT_LENGTH; i++) {
        for (uint32_t j = 0; j < KNOT_ROUND; j++) {
            uint32_t a = first + i * (KNOT_ROUND + 1) + j, b = a + KNOT_ROUND + 1;
            add_quad(mesh, a, b, b + 1, a + 1);
        }
    }
}

static void add_cube(struct mesh *mesh) {
    for (int face = 0; face < 6; face++) {
        int axis = face / 2;
        float sign = face % 2 ? 1.0f : -1.0f;
        uint32_t first = mesh->vertex_count;
        for (int i = 0; i < 4; i++) {
            float u = (i == 0 || i == 3) ? -1.0f : 1.0f, v = i < 2 ? -1.0f : 1.0f;
            float p[3], n[3] = {0.0f, 0.0f, 0.0f};
            n[axis] = p[axis] = sign;
            p[(axis + 1) % 3] = u * sign;
            p[(axis + 2) % 3] = v;
            add_vertex(mesh, (struct vec3){p[0], p[1], p[2]}, (struct vec3){n[0], n[1], n[2]},
                       u * 0.5f, v * 0.5f);
        }
        add_quad(mesh, first, first + 1, first + 2, first + 3);
    }
}

bool mesh_init(struct mesh *mesh) {
    void (*const add[MESH_PARTS])(struct mesh *) = {
        [MESH_FLOOR] = add_floor, [MESH_KNOT] = add_knot, [MESH_CUBE] = add_cube};
    *mesh = (struct mesh){0};
    mesh->vertices = malloc(MAX_VERTICES * sizeof(*mesh->vertices));
    mesh->indices = malloc(MAX_INDICES * sizeof(*mesh->indices));
    if (!mesh->vertices || !mesh->indices) {
        mesh_finish(mesh);
        return false;
    }
    for (int part = 0; part < MESH_PARTS; part++) {
        uint32_t first = mesh->index_count;
        add[part](mesh);
        mesh->parts[part] = (struct mesh_part){first, mesh->index_count - first};
    }
    return true;
}

void mesh_finish(struct mesh *mesh) {
    free(mesh->vertices);
    free(mesh->indices);
    *mesh = (struct mesh){0};
}
