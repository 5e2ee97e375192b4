#version 450
#extension GL_EXT_nonuniform_qualifier : require
// Every invocation reads from a buffer of its own choice.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) writeonly buffer Target { uint target[]; };
layout(set = 0, binding = 1) readonly buffer Source { uint values[]; } sources[];

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint slot = (i * 7u % 16u) * 3u;
    target[i] = sources[nonuniformEXT(slot)].values[i % 16u];
}
