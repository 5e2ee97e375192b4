#version 450
// Three corners of a large triangle, without a vertex buffer.
layout(location = 0) out vec3 color;

void main()
{
    const vec2 corners[3] = vec2[](vec2(-0.9, 0.8), vec2(0.9, 0.8), vec2(0.0, -0.9));
    color = vec3(gl_VertexIndex == 0, gl_VertexIndex == 1, gl_VertexIndex == 2);
    gl_Position = vec4(corners[gl_VertexIndex], 0.5, 1.0);
}
