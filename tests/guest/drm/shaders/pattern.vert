#version 450
// One triangle, its corners in pixels.
layout(push_constant) uniform Push {
    vec2 corners[3];
    vec2 size;
    uint kind;
    uint seed;
} push;

void main()
{
    gl_Position = vec4(push.corners[gl_VertexIndex] / push.size * 2.0 - 1.0, 0.5, 1.0);
}
