/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h - freeing at the end of a scope. Declare, initialise and mark on one line:
 *     CLEANUP(mem_free_at) uint8_t *buf = mem_array(n, 64);
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#define CLEANUP(function) __attribute__((cleanup(function)))

/* TAKE(p): the pointer in p, which becomes NULL: ownership moves on. */
#define TAKE(p)                                                                                    \
	__extension__({                                                                            \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

/* DEFINE_CLEANUP(type, free): defines free_at(type **), which calls free(*p). */
#define DEFINE_CLEANUP(type, free_function)                                                        \
	__attribute__((unused)) static inline void free_function##_at(type **p)                    \
	{                                                                                          \
		free_function(*p);                                                                 \
	}

#endif
