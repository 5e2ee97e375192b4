#version 450
// The pixels of common/picture.c, which compares: whole numbers of 255, so that nothing is rounded.
layout(push_constant) uniform Push {
    vec2 corners[3];
    vec2 size;
    uint kind;
    uint seed;
} push;
layout(location = 0) out vec4 color;

void main()
{
    uvec2 at = uvec2(gl_FragCoord.xy);
    uvec3 rgb;
    if (push.kind == 0) {
        rgb = uvec3(at.x + push.seed, at.y * 3 + (at.x >> 8), (at.x ^ at.y) + push.seed * 7);
    } else {
        rgb = uvec3(255 - at.x * 5, (at.x & at.y) + push.seed * 3, at.y + push.seed);
    }
    color = vec4(vec3(rgb & 255) / 255.0, 1.0);
}
