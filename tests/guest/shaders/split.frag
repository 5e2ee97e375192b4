#version 450
// The shade goes to one attachment, its complement to another.
layout(location = 0) in vec4 shade;
layout(location = 0) out vec4 color;
layout(location = 1) out vec4 complement;

void main()
{
    color = shade;
    complement = vec4(1.0 - shade.rgb, 1.0);
}
