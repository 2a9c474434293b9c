/* SPDX-License-Identifier: MIT */
/*
 * member.c - a place with threads of its own, which take calls from one queue.
 *
 * The threads are not those of base/tasks.h because they must be possible to abandon: a call to a
 * dead network file system may return never. So what a thread needs is counted. *Users* of the
 * place are the owner and each thread: the last of them frees the place. *References* to the
 * memory are held besides by each call: the last of them frees the rest.
 *
 * The breaker: after three failures in a row that tell of an absent place (OFFLINE, TIMEOUT) the
 * member is not usable until a deadline has passed since the last failure or probe. Whoever starts
 * a call after that is the probe, and closes the door behind him for one more deadline.
 */
#include "member.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/log.h>
#include <base/thread.h>

#define DEADLINE_DEFAULT_NS UINT64_C(60000000000)
#define FREE_WAIT_NS UINT64_C(1000000000) /* member_free() waits no longer than this */
#define BREAKER_FAILURES 3
#define SMALL_CALL ((size_t)64 << 10)  /* bytes: above it time is the line's, not the place's */
#define LATENCY_WEIGHT 8               /* a new measurement counts one in so many */
#define LIES_REMEMBERED 64             /* lines of the log that are not said again */
#define STACK_SIZE ((size_t)512 << 10) /* backends call into libraries */

struct member_thread {
	struct member *member;
	pthread_t id;
	bool ended; /* under the member's lock */
};

struct member {
	/* Constant. */
	uint16_t number;
	char *name;
	char *why; /* when it could not be opened */
	const struct sherd_env *env;
	unsigned threads;
	uint64_t deadline_ns;
	struct member *self; /* for functions that promise const and take the lock */

	struct place *place; /* as long as there are users; NULL: could not be opened */
	atomic_uint users;
	atomic_uint refs;

	pthread_mutex_t lock;   /* guards what follows */
	pthread_cond_t arrived; /* a call was queued, or stopping set */
	pthread_cond_t left;    /* a thread ended */
	struct call *first, *last;
	bool stopping;
	unsigned running; /* threads that have not ended */
	struct member_thread thread[MEMBER_THREADS_MAX];

	struct member_counts counts;
	unsigned failures;      /* OFFLINE or TIMEOUT, in a row */
	uint64_t unusable_till; /* monotonic */
	uint64_t lies[LIES_REMEMBERED];
	unsigned lies_next;
};

/* --- life --- */

void member_ref(struct member *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

static void destroy(struct member *m)
{
	pthread_cond_destroy(&m->left);
	pthread_cond_destroy(&m->arrived);
	pthread_mutex_destroy(&m->lock);
	mem_free(m->name);
	mem_free(m->why);
	mem_free(m);
}

void member_unref(struct member *m)
{
	if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
		destroy(m);
}

/* Every user has a reference too. */
static void drop_user(struct member *m)
{
	if (atomic_fetch_sub_explicit(&m->users, 1, memory_order_acq_rel) == 1)
		place_free(m->place);
	member_unref(m);
}

static void monotonic_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void *thread_main(void *argument);

/* 0, or the errno of the thread that could not be started. */
static int start_threads(struct member *m)
{
	for (unsigned i = 0; i < m->threads; i++) {
		int failed;

		m->thread[i].member = m;
		member_ref(m);
		atomic_fetch_add(&m->users, 1);
		pthread_mutex_lock(&m->lock);
		m->running++;
		failed = thread_start(STACK_SIZE, thread_main, &m->thread[i], &m->thread[i].id);
		if (failed) {
			m->running--;
			m->thread[i].ended = true;
			m->threads = i;
		}
		pthread_mutex_unlock(&m->lock);
		if (failed) {
			atomic_fetch_sub(&m->users, 1);
			member_unref(m);
			return failed;
		}
	}
	return 0;
}

static struct member *make(
	uint16_t number, const char *name, const char *why, const struct member_options *options)
{
	struct member *m = mem_array(1, sizeof(*m));

	if (!m)
		return NULL;
	m->self = m;
	m->number = number;
	m->env = env_or_system(options->env);
	m->threads = INT_MIN_OF(options->threads, MEMBER_THREADS_MAX);
	m->deadline_ns = options->deadline_ns ? options->deadline_ns : DEADLINE_DEFAULT_NS;
	atomic_init(&m->users, 1);
	atomic_init(&m->refs, 1);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->arrived, NULL);
	monotonic_condition(&m->left);
	m->name = mem_format("%s", name);
	m->why = mem_format("%s", why ? why : "it could not be opened");
	if (!m->name || !m->why) {
		destroy(m);
		return NULL;
	}
	return m;
}

int member_new(uint16_t number, const char *name, struct place *place, const char *why,
	const struct member_options *options, struct member **ret, struct sherd_error *err)
{
	static const struct member_options none;
	struct member *m = make(number, name, why, options ? options : &none);
	int failed;

	if (!m)
		return err_nomem(err);
	failed = start_threads(m);
	if (failed) {
		err_system(err, failed, "cannot start threads for place '%s'", name);
		member_free(m);
		return failed == ENOMEM ? SHERD_NOMEM : SHERD_IO;
	}
	pthread_mutex_lock(&m->lock); /* the threads read it behind the same lock */
	m->place = place;
	pthread_mutex_unlock(&m->lock);
	*ret = m;
	return 0;
}

/* Wait for the threads, no longer than FREE_WAIT_NS. With the lock. */
static void wait_for_threads(struct member *m)
{
	struct timespec till;

	clock_gettime(CLOCK_MONOTONIC, &till);
	till.tv_sec += (time_t)(FREE_WAIT_NS / 1000000000);
	till.tv_nsec += (long)(FREE_WAIT_NS % 1000000000);
	if (till.tv_nsec >= 1000000000) {
		till.tv_sec++;
		till.tv_nsec -= 1000000000;
	}
	while (m->running)
		if (pthread_cond_timedwait(&m->left, &m->lock, &till) == ETIMEDOUT)
			break;
}

static void end_unmade(struct call *c, int code, const char *what);
static void unlink_call(struct member *m, struct call *c);

/* Calls that were not started end here. */
static void empty_queue(struct member *m)
{
	for (;;) {
		struct call *c;

		pthread_mutex_lock(&m->lock);
		c = m->first;
		if (c)
			unlink_call(m, c);
		pthread_mutex_unlock(&m->lock);
		if (!c)
			return;
		end_unmade(c, SHERD_OFFLINE, "it is being closed");
		call_unref(c);
	}
}

void member_free(struct member *m)
{
	bool ended[MEMBER_THREADS_MAX];
	unsigned threads;

	if (!m)
		return;
	threads = m->threads;
	pthread_mutex_lock(&m->lock);
	m->stopping = true;
	pthread_cond_broadcast(&m->arrived);
	pthread_mutex_unlock(&m->lock);
	empty_queue(m);
	pthread_mutex_lock(&m->lock);
	wait_for_threads(m);
	for (unsigned i = 0; i < threads; i++)
		ended[i] = m->thread[i].ended;
	pthread_mutex_unlock(&m->lock);
	for (unsigned i = 0; i < threads; i++)
		if (ended[i])
			pthread_join(m->thread[i].id, NULL);
		else
			pthread_detach(m->thread[i].id);
	drop_user(m);
}

/* --- what it is --- */

uint16_t member_number(const struct member *m)
{
	return m->number;
}

const char *member_name(const struct member *m)
{
	return m->name;
}

struct place *member_place(struct member *m)
{
	return m->place;
}

uint64_t member_deadline_ns(const struct member *m)
{
	return m->deadline_ns;
}

bool member_inline(const struct member *m)
{
	return m->threads == 0;
}

void member_counts(const struct member *m, struct member_counts *ret)
{
	struct member *self = m->self;

	pthread_mutex_lock(&self->lock);
	*ret = self->counts;
	pthread_mutex_unlock(&self->lock);
}

bool member_usable(const struct member *m)
{
	struct member *self = m->self;
	bool usable;

	pthread_mutex_lock(&self->lock);
	usable = self->failures < BREAKER_FAILURES ||
		 m->env->clock_monotonic_ns(m->env->context) >= self->unusable_till;
	pthread_mutex_unlock(&self->lock);
	return usable;
}

/* FNV-1a: only to recognise a line again. */
static uint64_t line_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

void member_lied(struct member *m, const char *what)
{
	uint64_t hash = line_hash(what);
	bool known = false;

	pthread_mutex_lock(&m->lock);
	m->counts.lies++;
	for (unsigned i = 0; i < LIES_REMEMBERED; i++)
		known = known || m->lies[i] == hash;
	if (!known)
		m->lies[m->lies_next++ % LIES_REMEMBERED] = hash;
	pthread_mutex_unlock(&m->lock);
	if (!known)
		log_warn("place '%s' gave wrong data: %s", m->name, what);
}

/* --- counting; with the lock --- */

static bool is_write(enum call_kind kind)
{
	return kind == CALL_PUT || kind == CALL_REMOVE;
}

static void count_error(struct member *m, enum call_kind kind)
{
	if (is_write(kind))
		m->counts.write_errors++;
	else
		m->counts.read_errors++;
}

static void note_absent(struct member *m, uint64_t now)
{
	m->failures++;
	m->unusable_till = now + m->deadline_ns;
}

static void note_latency(struct member *m, const struct call_end *end)
{
	uint64_t old = m->counts.latency_ns, new = INT_MAX_OF(end->duration_ns, UINT64_C(1));

	m->counts.latency_ns = old ? old - old / LATENCY_WEIGHT + new / LATENCY_WEIGHT : new;
}

static void note_success(struct member *m, const struct call *c, uint64_t put_bytes)
{
	const struct call_end *end = &c->end;

	if (is_write(end->kind))
		m->counts.writes++;
	else
		m->counts.reads++;
	m->counts.bytes_read += end->got;
	m->counts.bytes_written += put_bytes;
	m->counts.last_ok_ns = m->env->clock_real_ns(m->env->context);
	if ((end->kind == CALL_GET && c->size <= SMALL_CALL) || end->kind == CALL_STAT)
		note_latency(m, end);
}

/* ${waited}: else its TIMEOUT was counted already. */
static void count(struct member *m, const struct call *c, bool waited)
{
	const struct call_end *end = &c->end;
	uint64_t now = m->env->clock_monotonic_ns(m->env->context);
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->part_count; i++)
		bytes += c->parts[i].iov_len;
	pthread_mutex_lock(&m->lock);
	if (end->code == 0)
		note_success(m, c, bytes);
	else if (waited && end->code != SHERD_NOTFOUND && end->code != SHERD_EXISTS)
		count_error(m, end->kind);
	if (end->code == SHERD_OFFLINE || end->code == SHERD_TIMEOUT) {
		if (waited)
			note_absent(m, now);
	} else {
		m->failures = 0;
	}
	pthread_mutex_unlock(&m->lock);
}

void member_overdue(struct member *m, enum call_kind kind)
{
	uint64_t now = m->env->clock_monotonic_ns(m->env->context);

	pthread_mutex_lock(&m->lock);
	count_error(m, kind);
	note_absent(m, now);
	pthread_mutex_unlock(&m->lock);
}

/* --- making calls --- */

static int at_place(struct place *p, struct call *c, struct call_end *end)
{
	switch (c->kind) {
	case CALL_PUT:
		return place_put(p, c->name, c->parts, c->part_count, &end->error);
	case CALL_GET:
		return place_get(p, c->name, c->at, c->size, c->buffer, &end->got, &end->error);
	case CALL_STAT:
		return place_stat(p, c->name, &end->stat, &end->error);
	case CALL_REMOVE:
		return place_remove(p, c->name, &end->error);
	case CALL_LIST:
		return place_list(
			p, c->name, c->has_after ? c->after : NULL, &end->page, &end->error);
	}
	return err_set(&end->error, SHERD_INVALID, "no such call");
}

static void end_call(struct member *m, struct call *c, int code)
{
	c->end.code = code;
	count(m, c, call_claim(c));
	call_finish(c);
}

static void end_unmade(struct call *c, int code, const char *what)
{
	struct member *m = c->member;

	end_call(m, c, err_set(&c->end.error, code, "place '%s': %s", m->name, what));
}

/* The one who starts a call at a member that was unusable is the probe. */
static void note_probe(struct member *m, uint64_t now)
{
	pthread_mutex_lock(&m->lock);
	if (m->failures >= BREAKER_FAILURES && now >= m->unusable_till)
		m->unusable_till = now + m->deadline_ns;
	pthread_mutex_unlock(&m->lock);
}

static void make_call(struct member *m, struct call *c)
{
	struct call_end *end = &c->end;
	uint64_t started = m->env->clock_monotonic_ns(m->env->context);
	int code;

	if (started - c->queued_ns > m->deadline_ns) {
		end_unmade(c, SHERD_TIMEOUT, "it did not begin in time");
		return;
	}
	if (!call_start(c, started))
		return;
	if (!m->place) {
		end_unmade(c, SHERD_OFFLINE, m->why);
		return;
	}
	note_probe(m, started);
	code = at_place(m->place, c, end);
	if (code == 0 && c->kind == CALL_GET && end->got > c->size)
		code = err_set(
			&end->error, SHERD_IO, "place '%s' gave more than was asked for", m->name);
	if (code)
		end->got = 0;
	end->duration_ns = m->env->clock_monotonic_ns(m->env->context) - started;
	end_call(m, c, code);
}

/* --- the queue --- */

/* With the lock. */
static void unlink_call(struct member *m, struct call *c)
{
	assert(c->queued);
	if (c->queue_before)
		c->queue_before->queue_next = c->queue_next;
	else
		m->first = c->queue_next;
	if (c->queue_next)
		c->queue_next->queue_before = c->queue_before;
	else
		m->last = c->queue_before;
	c->queue_next = c->queue_before = NULL;
	c->queued = false;
}

static void link_call(struct member *m, struct call *c)
{
	c->queue_before = m->last;
	c->queue_next = NULL;
	if (m->last)
		m->last->queue_next = c;
	else
		m->first = c;
	m->last = c;
	c->queued = true;
}

static void *thread_main(void *argument)
{
	struct member_thread *me = argument;
	struct member *m = me->member;

	pthread_mutex_lock(&m->lock);
	while (!m->stopping) {
		struct call *c = m->first;

		if (!c) {
			pthread_cond_wait(&m->arrived, &m->lock);
			continue;
		}
		unlink_call(m, c);
		pthread_mutex_unlock(&m->lock);
		make_call(m, c);
		call_unref(c);
		pthread_mutex_lock(&m->lock);
	}
	me->ended = true;
	m->running--;
	pthread_cond_signal(&m->left);
	pthread_mutex_unlock(&m->lock);
	drop_user(m);
	return NULL;
}

void member_submit(struct member *m, struct call *c)
{
	if (!m->threads) {
		make_call(m, c);
		call_unref(c);
		return;
	}
	pthread_mutex_lock(&m->lock);
	assert(!m->stopping);
	link_call(m, c);
	pthread_cond_signal(&m->arrived);
	pthread_mutex_unlock(&m->lock);
}

void member_withdraw(struct member *m, struct call *c)
{
	bool queued;

	pthread_mutex_lock(&m->lock);
	queued = c->queued;
	if (queued)
		unlink_call(m, c);
	pthread_mutex_unlock(&m->lock);
	if (queued)
		call_unref(c);
}
