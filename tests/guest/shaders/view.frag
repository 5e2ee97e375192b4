#version 450
#extension GL_EXT_multiview : require
layout(location = 0) in vec2 at;
layout(location = 0) out vec4 color;

void main()
{
    color = vec4(gl_ViewIndex, at * 0.5 + 0.5, 1.0);
}
