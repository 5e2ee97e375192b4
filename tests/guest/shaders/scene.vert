#version 450
#extension GL_GOOGLE_include_directive : require
#include "scene.glsl"

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;

layout(location = 0) out vec3 world;
layout(location = 1) out vec3 world_normal;
layout(location = 2) out vec2 texel;
layout(location = 3) flat out int instance;

mat3 turn_y(float a)
{
    float c = cos(a), s = sin(a);
    return mat3(c, 0.0, -s, 0.0, 1.0, 0.0, s, 0.0, c);
}

mat3 turn_x(float a)
{
    float c = cos(a), s = sin(a);
    return mat3(1.0, 0.0, 0.0, 0.0, c, s, 0.0, -s, c);
}

void main()
{
    mat3 turn = mat3(1.0);
    vec3 place = vec3(0.0);
    float scale = 1.0;
    if (push.kind == KIND_KNOT) {
        turn = turn_y(frame.time.x) * turn_x(0.35);
        place = vec3(0.0, 1.75, 0.0);
    } else if (push.kind == KIND_CUBE) {
        float along = float(gl_InstanceIndex) * 0.523598776 - frame.time.x * 0.5;
        turn = turn_y(along * 2.0 + frame.time.x) * turn_x(frame.time.x + along);
        place = vec3(cos(along) * 3.6, 0.55 + 0.25 * sin(along * 3.0), sin(along) * 3.6);
        scale = 0.34;
    }
    world = turn * position * scale + place;
    world_normal = turn * normal;
    texel = uv;
    instance = gl_InstanceIndex;
    mat4 projection = push.shadow_pass != 0 ? frame.light_projection : frame.view_projection;
    gl_Position = projection * vec4(world, 1.0);
}
