// Shared by the demo's vertex and fragment shaders: what one frame looks like.
const int KIND_FLOOR = 0;
const int KIND_KNOT = 1;
const int KIND_CUBE = 2;

layout(set = 0, binding = 0) uniform Frame {
    mat4 view_projection;
    mat4 light_projection;
    vec4 eye;
    vec4 light; // direction towards the light
    vec4 time;  // x: turns of the knot, in radians; y: width over height
} frame;

layout(push_constant) uniform Push {
    int kind;
    int shadow_pass;
} push;
