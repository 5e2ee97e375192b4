/* What the files of the scene share among themselves. */
#ifndef VESPER_DEMO_SCENE_PARTS_H
#define VESPER_DEMO_SCENE_PARTS_H

#include "scene.h"

/* Needs width and height; makes the images, render passes and framebuffers. */
void scene_create_targets(struct scene *scene, const struct guest *g);
void scene_destroy_targets(struct scene *scene, const struct guest *g);

/* A mip-mapped pattern: checkers in red, stripes in green, tiles in blue; and its sampler. */
void scene_create_texture(struct scene *scene, const struct guest *g);
void scene_destroy_texture(struct scene *scene, const struct guest *g);

#endif
