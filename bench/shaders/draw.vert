#version 450

layout(location = 0) in vec2 position;
layout(set = 0, binding = 0) uniform Moving { vec4 moved; };
layout(set = 1, binding = 0) uniform Fixed { vec4 scaled; };
layout(push_constant) uniform Pushed { vec4 pushed; };

void main()
{
    gl_Position = vec4(position, 0.0, 1.0) + moved + scaled + pushed;
}
