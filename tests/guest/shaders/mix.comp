#version 450
// Storage buffers, push constants and specialization constants, workgroup size included.
layout(local_size_x_id = 0, local_size_y = 1, local_size_z = 1) in;
layout(constant_id = 1) const uint factor = 1;
layout(constant_id = 2) const bool flip = false;

layout(set = 0, binding = 0) readonly buffer Source { uint source[]; };
layout(set = 0, binding = 1) buffer Target { uint target[]; };
layout(push_constant) uniform Push { uint count; uint addend; };

void main()
{
    uint i = gl_GlobalInvocationID.x;
    if (i < count) {
        uint value = source[i] * factor + addend;
        target[i] = flip ? ~value : value;
    }
}
