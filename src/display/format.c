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
        return true;
    default:
        return false;
    }
}
