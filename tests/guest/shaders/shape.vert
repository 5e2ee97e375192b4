#version 450
// Instances are set off to the right by half their size, so that instanced draws can be told.
layout(push_constant) uniform Push { vec4 place; vec4 tint; } push;
layout(location = 0) in vec2 position;
layout(location = 1) in vec4 color;
layout(location = 0) out vec4 shade;

void main()
{
    shade = color * push.tint;
    vec2 at = position * push.place.w + push.place.xy;
    at.x += float(gl_InstanceIndex) * push.place.w * 0.5;
    gl_Position = vec4(at, push.place.z, 1.0);
}
