#version 450
layout(input_attachment_index = 0, set = 0, binding = 0) uniform subpassInput first;
layout(input_attachment_index = 1, set = 0, binding = 1) uniform subpassInput second;
layout(location = 0) in vec2 at;
layout(location = 0) out vec4 color;

void main()
{
    color = at.x < 0.0 ? subpassLoad(first) : subpassLoad(second);
}
