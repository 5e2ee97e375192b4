#version 450
// The triangle's inner points are pulled towards its middle.
layout(triangles, equal_spacing, ccw) in;
layout(location = 0) in vec3 passed[];
layout(location = 0) out vec3 color;

void main()
{
    vec3 w = gl_TessCoord;
    vec4 at = w.x * gl_in[0].gl_Position + w.y * gl_in[1].gl_Position + w.z * gl_in[2].gl_Position;
    at.xy *= 0.6 + 0.4 * max(w.x, max(w.y, w.z));
    color = w.x * passed[0] + w.y * passed[1] + w.z * passed[2];
    gl_Position = at;
}
