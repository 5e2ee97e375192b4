// A pixel of the window: the guest's picture, placed, scaled, in its own layout, with the cursor over
// it. Every pixel of the picture is read here once where nothing is scaled, and nowhere else.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "colour.glsl"

// A picture or a screen of other colours than sRGB; else numbers go from one to the other.
layout(constant_id = 0) const bool LIGHT = false;

layout(location = 0) out vec4 result;
layout(binding = 0, std430) readonly buffer Picture { uint picture[]; };
layout(binding = 1, std430) readonly buffer Cursor { uint cursor[]; };
layout(push_constant) uniform Job {
    ivec4 target;    // of the window, x, y, width, height: where the source goes
    uvec4 source;    // of the picture
    uint first_byte; // of the picture in its buffer
    uint stride;     // bytes
    uint layout_kind;
    uint flags; // 1: a cursor, 2: smooth, 4: a picture, 8: ten bits a colour, 16 …: display_turn
    ivec2 cursor_at; // its corner, of the picture's source
    uint picture_colour, screen_colour; // as in colour.glsl
    float headroom, white; // display_light
} job;

const uint CURSOR = 1u, SMOOTH = 2u, PICTURE = 4u, DEEP = 8u, TURN_SHIFT = 4u;
const uint HALVES = 6u;

// Layouts are the caller's numbers. A picture may begin at any byte.
uint read_word(uint at) {
    const uint index = at >> 2, shift = (at & 3u) * 8u;
    return shift == 0u ? picture[index]
                       : picture[index] >> shift | picture[index + 1u] << (32u - shift);
}

// Red, green, blue, as the layout has them.
uvec3 read_codes(uvec2 at) {
    const uint word = read_word(job.first_byte + job.stride * at.y + 4u * at.x);
    switch (job.layout_kind) {
    case 0u: return uvec3(word >> 16, word >> 8, word) & 0xffu;
    case 1u: return uvec3(word, word >> 8, word >> 16) & 0xffu;
    case 2u: return uvec3(word >> 8, word >> 16, word >> 24) & 0xffu;
    case 3u: return uvec3(word >> 24, word >> 16, word >> 8) & 0xffu;
    case 4u: return uvec3(word >> 20, word >> 10, word) & 0x3ffu;
    default: return uvec3(word, word >> 10, word >> 20) & 0x3ffu;
    }
}

// Of 1023 with DEEP, else of 255.
uvec3 read_pixel(uvec2 at) {
    const uvec3 colour = read_codes(at);
    const bool deep = (job.flags & DEEP) != 0u;
    if (job.layout_kind >= 4u) {
        return deep ? colour : colour >> 2;
    }
    return deep ? colour << 2 | colour >> 6 : colour;
}

// Products of bytes as fractions of 255, rounded: the software presenter blends in the same way.
uvec3 scale_bytes(uvec3 bytes, uint factor) {
    const uvec3 product = bytes * factor + 0x80u;
    return (product + (product >> 8)) >> 8;
}

uvec3 blend(uvec3 under, uint over) {
    const uvec3 colour = uvec3(over >> 16, over >> 8, over) & 0xffu;
    const uint rest = 255u - (over >> 24);
    if ((job.flags & DEEP) == 0u) {
        return min(colour + scale_bytes(under, rest), uvec3(255));
    }
    return min((colour << 2 | colour >> 6) + (under * rest + 127u) / 255u, uvec3(1023));
}

vec3 read_light(uvec2 at) {
    if (job.layout_kind != HALVES) {
        return vec3(read_codes(at)) / (job.layout_kind >= 4u ? 1023.0 : 255.0);
    }
    const uint place = job.first_byte + job.stride * at.y + 8u * at.x;
    const uint low = read_word(place), high = read_word(place + 4u);
    return vec3(from_half(low), from_half(low >> 16), from_half(high));
}

// The cursor is sRGB, and blended as on a screen of sRGB.
vec3 blend_light(vec3 under, uint over) {
    const float alpha = float(over >> 24) / 255.0;
    vec3 colour = vec3(uvec3(over >> 16, over >> 8, over) & 0xffu) / 255.0;
    if (alpha > 0.0 && (job.screen_colour == P3 || job.screen_colour == PQ)) {
        colour = take(colour / alpha, SRGB, job.screen_colour, job.headroom) * alpha;
    }
    return colour + under * (1.0 - alpha);
}

// Of 1 with LIGHT, else as read_pixel gives it.
vec3 colour_at(uvec2 at) {
    const ivec2 inside = ivec2(at) - job.cursor_at;
    const bool under_cursor = (job.flags & CURSOR) != 0u &&
                              all(greaterThanEqual(inside, ivec2(0))) &&
                              all(lessThan(inside, ivec2(64)));
    if (LIGHT) {
        const vec3 colour = take(read_light(job.source.xy + at), job.picture_colour,
                                 job.screen_colour, job.headroom);
        return under_cursor ? blend_light(colour, cursor[64 * inside.y + inside.x]) : colour;
    }
    const uvec3 colour = read_pixel(job.source.xy + at);
    return vec3(under_cursor ? blend(colour, cursor[64 * inside.y + inside.x]) : colour);
}

vec3 smooth_at(vec2 place) {
    const uvec2 last = job.source.zw - 1u;
    const vec2 from = max(place - 0.5, vec2(0));
    const uvec2 low = min(uvec2(from), last), high = min(low + 1u, last);
    const vec2 part = from - vec2(low);
    const vec3 top = mix(colour_at(low), colour_at(uvec2(high.x, low.y)), part.x);
    const vec3 bottom = mix(colour_at(uvec2(low.x, high.y)), colour_at(high), part.x);
    return mix(top, bottom, part.y);
}

// From the turned picture to the picture, whose far corner is at `end`.
uvec2 turn_back(uvec2 at, uvec2 end) {
    const uint turn = job.flags >> TURN_SHIFT;
    const uvec2 place = (turn & 1u) != 0u ? at.yx : at;
    return uvec2(turn >= 2u ? end.x - place.x : place.x,
                 turn == 1u || turn == 2u ? end.y - place.y : place.y);
}

vec2 turn_back(vec2 at, vec2 end) {
    const uint turn = job.flags >> TURN_SHIFT;
    const vec2 place = (turn & 1u) != 0u ? at.yx : at;
    return vec2(turn >= 2u ? end.x - place.x : place.x,
                turn == 1u || turn == 2u ? end.y - place.y : place.y);
}

vec3 sample_at(uvec2 at) {
    const uvec2 size = job.source.zw;
    const uvec2 turned = (job.flags >> TURN_SHIFT & 1u) != 0u ? size.yx : size;
    if (turned == uvec2(job.target.zw)) {
        return colour_at(turn_back(at, size - 1u));
    }
    const vec2 place =
        turn_back((vec2(at) + 0.5) * vec2(turned) / vec2(job.target.zw), vec2(size));
    return (job.flags & SMOOTH) != 0u ? smooth_at(place)
                                      : colour_at(min(uvec2(place), job.source.zw - 1u));
}

void main() {
    const ivec2 at = ivec2(gl_FragCoord.xy) - job.target.xy;
    result = vec4(0, 0, 0, 1);
    if ((job.flags & PICTURE) != 0u && all(greaterThanEqual(at, ivec2(0))) &&
        all(lessThan(at, job.target.zw))) {
        const vec3 colour = sample_at(uvec2(at));
        result.rgb = LIGHT ? give(colour, job.screen_colour, job.white)
                           : colour / ((job.flags & DEEP) != 0u ? 1023.0 : 255.0);
    }
}
