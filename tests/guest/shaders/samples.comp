#version 450
// Every sample of a multisampled image, one after the other.
layout(local_size_x = 8, local_size_y = 8) in;
layout(set = 0, binding = 0) uniform sampler2DMS source;
layout(set = 0, binding = 1) writeonly buffer Target { uint target[]; };

void main()
{
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    int which = int(gl_GlobalInvocationID.z);
    vec4 value = texelFetch(source, at, which);
    int width = textureSize(source).x;
    target[(at.y * width + at.x) * 4 + which] = packUnorm4x8(value);
}
