/* SPDX-License-Identifier: MIT */
/*
 * log.h - the library's one way to say something that is no error: a sink set by the front end.
 * Without a sink nothing is said. Used for faults that were worked around (a kernel dropped).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/* The sink gets one line without a newline; it may be called from any thread. */
typedef void log_sink(void *context, const char *line);

/* log_set_sink(sink, context): process wide; set it before other threads run. NULL: none. */
void log_set_sink(log_sink *sink, void *context);

/* log_warn(format, ...): one line to the sink, at most 511 bytes of it. */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
