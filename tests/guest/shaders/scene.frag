#version 450
#extension GL_GOOGLE_include_directive : require
#include "scene.glsl"

layout(set = 0, binding = 1) uniform sampler2D pattern;
layout(set = 0, binding = 2) uniform sampler2DShadow shadow_map;

layout(location = 0) in vec3 world;
layout(location = 1) in vec3 world_normal;
layout(location = 2) in vec2 texel;
layout(location = 3) flat in int instance;
layout(location = 0) out vec4 color;

vec3 hue(float h)
{
    return clamp(abs(fract(h + vec3(0.0, 0.667, 0.333)) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
}

float lit()
{
    vec4 at = frame.light_projection * vec4(world + normalize(world_normal) * 0.03, 1.0);
    vec2 uv = at.xy * 0.5 + 0.5;
    float sum = 0.0;
    for (int y = -1; y <= 1; y++) {
        for (int x = -1; x <= 1; x++) {
            sum += texture(shadow_map, vec3(uv + vec2(x, y) / 1024.0, at.z - 0.002));
        }
    }
    return sum / 9.0;
}

void main()
{
    vec3 n = normalize(world_normal);
    vec3 to_eye = normalize(frame.eye.xyz - world);
    vec3 l = frame.light.xyz;
    vec3 base;
    float shine = 40.0, gloss = 0.5;
    if (push.kind == KIND_FLOOR) {
        base = mix(vec3(0.10, 0.11, 0.20), vec3(0.62, 0.58, 0.66), texture(pattern, texel).r);
        gloss = 0.15;
    } else if (push.kind == KIND_KNOT) {
        base = mix(hue(texel.x / 24.0), vec3(1.0), 0.15);
        base *= 0.55 + 0.45 * texture(pattern, texel).g;
        shine = 90.0;
        gloss = 0.9;
    } else {
        base = mix(hue(float(instance) / 12.0), vec3(0.9), 0.35) * texture(pattern, texel).b;
    }
    float sun = max(dot(n, l), 0.0) * lit();
    float highlight = pow(max(dot(n, normalize(l + to_eye)), 0.0), shine) * gloss * sign(sun);
    vec3 ambient = mix(vec3(0.10, 0.08, 0.16), vec3(0.20, 0.24, 0.42), n.y * 0.5 + 0.5);
    vec3 shade = base * (ambient + sun * vec3(1.25, 1.0, 0.78)) + highlight;
    float far = smoothstep(9.0, 26.0, length(frame.eye.xyz - world));
    color = vec4(mix(shade, vec3(0.83, 0.46, 0.38), far), 1.0);
}
