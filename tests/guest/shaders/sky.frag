#version 450
#extension GL_GOOGLE_include_directive : require
#include "scene.glsl"

// Dusk, and the evening star that gave Vesper its name.
layout(location = 0) in vec2 at;
layout(location = 0) out vec4 color;

void main()
{
    float h = clamp(at.y * 0.5 + 0.5, 0.0, 1.0);
    vec3 dusk = mix(vec3(0.05, 0.06, 0.20), vec3(0.36, 0.20, 0.42), smoothstep(0.0, 0.28, h));
    dusk = mix(dusk, vec3(0.95, 0.53, 0.36), smoothstep(0.18, 0.42, h));
    vec2 star = vec2((at.x + 0.62) * frame.time.y, at.y + 0.74);
    float r = length(star);
    float glow = 0.0035 / (r * r + 0.0012);
    glow += 0.0009 / (abs(star.x) * 0.9 + 0.004) * exp(-r * 9.0);
    glow += 0.0009 / (abs(star.y) * 0.9 + 0.004) * exp(-r * 9.0);
    color = vec4(dusk + glow * vec3(1.0, 0.95, 0.82), 1.0);
}
