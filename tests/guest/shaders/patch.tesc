#version 450
layout(vertices = 3) out;
layout(location = 0) in vec3 color[];
layout(location = 0) out vec3 passed[];

void main()
{
    gl_out[gl_InvocationID].gl_Position = gl_in[gl_InvocationID].gl_Position;
    passed[gl_InvocationID] = color[gl_InvocationID];
    gl_TessLevelInner[0] = 8.0;
    gl_TessLevelOuter[0] = 8.0;
    gl_TessLevelOuter[1] = 5.0;
    gl_TessLevelOuter[2] = 3.0;
}
