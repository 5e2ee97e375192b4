#version 450
// The triangle becomes four smaller ones.
layout(triangles) in;
layout(triangle_strip, max_vertices = 12) out;
layout(location = 0) in vec3 color[];
layout(location = 0) out vec3 passed;

void main()
{
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 3; j++) {
            vec2 middle = i < 3 ? gl_in[i].gl_Position.xy * 0.6 : vec2(0.0);
            gl_Position = vec4(middle + gl_in[j].gl_Position.xy * 0.3, 0.5, 1.0);
            passed = i < 3 ? color[i] : color[j];
            EmitVertex();
        }
        EndPrimitive();
    }
}
