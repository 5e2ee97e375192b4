#version 450
// Storage image, sampled image and texel buffers.
layout(local_size_x = 8, local_size_y = 8) in;
layout(set = 0, binding = 0) uniform sampler2D source;
layout(set = 0, binding = 1, rgba8) uniform writeonly image2D target;
layout(set = 0, binding = 2) uniform samplerBuffer tint;
layout(set = 0, binding = 3, r32ui) uniform uimageBuffer counters;

void main()
{
    ivec2 at = ivec2(gl_GlobalInvocationID.xy);
    vec2 size = vec2(imageSize(target));
    vec4 color = textureLod(source, (vec2(at) + 0.5) / size, 0.0);
    imageStore(target, at, color * texelFetch(tint, (at.x + at.y) % 4));
    imageAtomicAdd(counters, int(gl_WorkGroupID.x), 1u);
}
