// Pictures' and screens' colours: the mathematics of display/colour.h and display/colour.c.
const uint SRGB = 0u, P3 = 1u, LINEAR = 2u, PQ = 3u;

const float PQ_M1 = 0.1593017578125, PQ_M2 = 78.84375;
const float PQ_C1 = 0.8359375, PQ_C2 = 18.8515625, PQ_C3 = 18.6875;
const float LIGHT_MAX = 10000.0 / 203.0, PEAK = 800.0 / 203.0, KNEE = 0.75;

// Rows: light * matrix.
const mat3 BT709_TO_BT2020 = mat3(0.62740390, 0.32928304, 0.04331307, 0.06909729, 0.91954040,
                                  0.01136232, 0.01639144, 0.08801331, 0.89559525);
const mat3 BT2020_TO_BT709 = mat3(1.66049100, -0.58764114, -0.07284986, -0.12455047, 1.13289990,
                                  -0.00834942, -0.01815076, -0.10057890, 1.11872966);
const mat3 BT709_TO_P3 = mat3(0.82246197, 0.17753803, 0.0, 0.03319420, 0.96680580, 0.0, 0.01708263,
                              0.07239744, 0.91051993);
const mat3 BT2020_TO_P3 = mat3(1.34357825, -0.28217967, -0.06139858, -0.06529745, 1.07578792,
                               -0.01049046, 0.00282179, -0.01959849, 1.01677671);

float from_half(uint bits) {
    if ((bits & 0x7c00u) == 0x7c00u) {
        return (bits & 0x3ffu) != 0u ? 0.0 : (bits & 0x8000u) != 0u ? -LIGHT_MAX : LIGHT_MAX;
    }
    return clamp(unpackHalf2x16(bits & 0xffffu).x, -LIGHT_MAX, LIGHT_MAX);
}

vec3 from_srgb(vec3 code) {
    const vec3 size = abs(code);
    return sign(code) * mix(size / 12.92, pow((size + 0.055) / 1.055, vec3(2.4)),
                            greaterThan(size, vec3(0.04045)));
}

vec3 to_srgb(vec3 light) {
    const vec3 size = abs(light);
    return sign(light) * mix(size * 12.92, 1.055 * pow(size, vec3(1.0 / 2.4)) - 0.055,
                             greaterThan(size, vec3(0.0031308)));
}

vec3 from_pq(vec3 code) {
    const vec3 power = pow(code, vec3(1.0 / PQ_M2));
    return pow(max(power - PQ_C1, 0.0) / (PQ_C2 - PQ_C3 * power), vec3(1.0 / PQ_M1)) * LIGHT_MAX;
}

vec3 to_pq(vec3 light) {
    const vec3 power = pow(clamp(light / LIGHT_MAX, 0.0, 1.0), vec3(PQ_M1));
    return pow((PQ_C1 + PQ_C2 * power) / (1.0 + PQ_C3 * power), vec3(PQ_M2));
}

vec3 change_primaries(vec3 light, uint picture, uint screen) {
    if (picture == PQ) {
        return screen == PQ   ? light
               : screen == P3 ? light * BT2020_TO_P3
                              : light * BT2020_TO_BT709;
    }
    return screen == P3 ? light * BT709_TO_P3 : screen == PQ ? light * BT709_TO_BT2020 : light;
}

vec3 fold(vec3 light, float headroom) {
    const float brightest = max(max(light.r, light.g), light.b), knee = KNEE * headroom;
    if (headroom >= PEAK || brightest <= knee) {
        return light;
    }
    const float span = headroom - knee, most = (PEAK - knee) / span;
    const float above = min((brightest - knee) / span, most);
    const float folded = above * (1.0 + above / (most * most)) / (1.0 + above);
    return light * ((knee + span * folded) / brightest);
}

// What can be scaled and blended: the screen's primaries, sRGB's curve.
vec3 take(vec3 rgb, uint picture, uint screen, float headroom) {
    vec3 light = picture == LINEAR ? rgb : picture == PQ ? from_pq(rgb) : from_srgb(rgb);
    light = change_primaries(light, picture, screen);
    if (screen != LINEAR) {
        light = max(light, 0.0);
    }
    if (picture == LINEAR || picture == PQ) {
        light = fold(light, screen == LINEAR || screen == PQ ? headroom : 1.0);
    }
    return to_srgb(light);
}

// What an image of the screen holds.
vec3 give(vec3 rgb, uint screen, float white) {
    return screen == LINEAR ? from_srgb(rgb) * white
           : screen == PQ   ? to_pq(from_srgb(rgb))
                            : clamp(rgb, 0.0, 1.0);
}
