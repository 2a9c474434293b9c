/* SPDX-License-Identifier: MIT */
/* export.h - marks what libsherd exports; everything else is built with hidden visibility. */
#ifndef SHERD_EXPORT_H
#define SHERD_EXPORT_H

#if defined(__GNUC__)
#define SHERD_API __attribute__((visibility("default")))
#else
#define SHERD_API
#endif

#endif
