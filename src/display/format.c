#include "display/presenter.h"

bool presenter_format_is_known(uint32_t format) {
    switch (format) {
    case PRESENTER_ARGB8888:
    case PRESENTER_XRGB8888:
    case PRESENTER_ABGR8888:
    case PRESENTER_XBGR8888:
    case PRESENTER_BGRA8888:
    case PRESENTER_BGRX8888:
    case PRESENTER_RGBA8888:
    case PRESENTER_RGBX8888:
    case PRESENTER_ARGB2101010:
    case PRESENTER_XRGB2101010:
    case PRESENTER_ABGR2101010:
    case PRESENTER_XBGR2101010:
    case PRESENTER_ABGR16161616F:
    case PRESENTER_XBGR16161616F:
        return true;
    default:
        return false;
    }
}

uint32_t presenter_format_bytes(enum presenter_format format) {
    return format == PRESENTER_ABGR16161616F || format == PRESENTER_XBGR16161616F ? 8 : 4;
}

bool presenter_format_is_deep(enum presenter_format format) {
    return format == PRESENTER_ARGB2101010 || format == PRESENTER_XRGB2101010 ||
           format == PRESENTER_ABGR2101010 || format == PRESENTER_XBGR2101010;
}
