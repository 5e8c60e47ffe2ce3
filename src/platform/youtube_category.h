/*
 * YouTube's categories: those that "VideoCategories: list" calls assignable to uploads, by their
 * titles in English ("VideoCategories", 2026-09-11). They are the same in each region but for a few
 * small ones, where YouTube says invalidCategoryId.
 */
#ifndef KN_PLATFORM_YOUTUBE_CATEGORY_H
#define KN_PLATFORM_YOUTUBE_CATEGORY_H

#include <kirinuki/arena.h>

enum { KN_YOUTUBE_CATEGORY_USUAL = 22 /* People & Blogs */ };

/* Its number, of a number, a title, or the first letters of one ("science"), whatever their case
 * and what stands between them; 0: there is none, or there are several. */
int kn_youtube_category(const char *text);
const char *kn_youtube_category_name(int number); /* "People & Blogs"; NULL: there is none */
/* "Film & Animation, Autos & Vehicles, …", in the arena. */
const char *kn_youtube_categories(struct kn_arena *arena);

#endif
