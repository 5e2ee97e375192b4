#version 450
// Shared memory, barriers and atomics: sum and maximum of 64 values per group.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer Source { uint source[]; };
layout(set = 0, binding = 1) buffer Target {
    uint sums[64];
    uint total;
    uint most;
    uint groups[3];
};
layout(set = 0, binding = 2) uniform Settings { uvec4 mask; };
shared uint cells[64];

void main()
{
    uint lane = gl_LocalInvocationID.x;
    uint value = source[gl_GlobalInvocationID.x] & mask.x;
    cells[lane] = value;
    for (uint step = 32; step > 0; step /= 2) {
        barrier();
        if (lane < step) {
            cells[lane] += cells[lane + step];
        }
    }
    atomicMax(most, value);
    if (lane == 0) {
        sums[gl_WorkGroupID.x] = cells[0];
        atomicAdd(total, cells[0]);
        atomicMax(groups[0], gl_NumWorkGroups.x);
    }
}
