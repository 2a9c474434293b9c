/* SPDX-License-Identifier: MIT */
/*
 * zencode.c - one file in, m share files out.
 *
 * Each thread takes a piece of the input (zintake.h) into its own blocks, computes the check
 * blocks beside them and writes each of the m blocks with one call: the data is moved into the
 * process once and out of it once, and stays in the cache between. Pieces are written in any
 * order. The headers come last, since the padding is known at the end of the input only. The share
 * files have no names until all are whole (newset.h).
 *
 * The threads allocate nothing: all they need is there before they start.
 */
#include <sherd/zfec.h>

#include <errno.h>
#include <assert.h>
#include <base/alloc.h>
#include <base/err.h>
#include <base/intmath.h>
#include <base/newset.h>
#include <base/workers.h>
#include <fec/plan.h>
#include <fec/zintake.h>
#include <fec/zlayout.h>
#include <fec/ztask.h>

/* What one thread works with. */
struct desk {
	struct zblocks memory;
	uint8_t *blocks[SHERD_FEC_SHARES_MAX];     /* of the m shares */
	const uint8_t *data[SHERD_FEC_SHARES_MAX]; /* the first k of them, for fec_run() */
	struct iovec *parts;
};

struct encoder {
	const struct sherd_zfec_encode_options *options;
	const struct sherd_env *env;
	struct sherd_fec *code;
	struct sherd_fec_plan *plan;
	struct newfile *shares; /* [m] */
	unsigned opened;        /* of shares */
	struct ztask task;
	struct zintake intake;
	unsigned threads;  /* at most */
	unsigned segments; /* of a piece */
	size_t header_size;
	struct desk *desks; /* [desk_count], one for each thread */
	unsigned desk_count;
	struct sherd_workers *workers; /* NULL: the caller works alone */
};

static int desk_init(struct desk *d, const struct encoder *e, struct sherd_error *err)
{
	const struct sherd_zfec_encode_options *o = e->options;

	d->parts = mem_array((size_t)o->k * e->segments, sizeof(*d->parts));
	if (!d->parts || zblocks_new(&d->memory, o->m, e->segments) != 0)
		return err_nomem(err);
	for (unsigned i = 0; i < o->m; i++)
		d->blocks[i] = zblocks_at(&d->memory, i);
	for (unsigned i = 0; i < o->k; i++)
		d->data[i] = d->blocks[i];
	return 0;
}

static void desk_release(struct desk *d)
{
	mem_free(d->parts);
	zblocks_release(&d->memory);
}

static int add_desks(struct encoder *e, unsigned count, struct sherd_error *err)
{
	while (e->desk_count < count) {
		int r = desk_init(&e->desks[e->desk_count++], e, err);

		if (r)
			return r;
	}
	return 0;
}

/* Each thread begins with another share, so that two seldom wait for the same file. */
static int write_blocks(struct encoder *e, const struct desk *d, const struct zpiece *piece,
	unsigned first, struct sherd_error *err)
{
	unsigned m = e->options->m;

	for (unsigned i = 0; i < m; i++) {
		unsigned share = (first + i) % m;
		const struct newfile *f = &e->shares[share];

		if (env_pwrite(e->env, f->fd, d->blocks[share], piece->columns,
			    e->header_size + piece->body_at) != 0)
			return err_system(err, errno, "cannot write '%s'", f->path);
	}
	return 0;
}

/* 1, 0 at the end of the input, or an error. */
static int encode_piece(struct encoder *e, unsigned worker, struct sherd_error *err)
{
	struct desk *d = &e->desks[worker];
	struct zpiece piece;
	int r = zintake_take(&e->intake, d->blocks, d->parts, &piece, err);

	if (r <= 0)
		return r;
	fec_run(e->plan, d->data, d->blocks + e->options->k, piece.columns, NULL);
	r = write_blocks(e, d, &piece, e->options->m / e->desk_count * worker, err);
	if (r)
		return r;
	ztask_advance(&e->task, piece.size);
	return 1;
}

static void encode_job(void *context, size_t index, unsigned worker)
{
	struct encoder *e = context;
	struct sherd_error err;
	int r = 1;

	(void)index;
	while (r > 0 && ztask_goes_on(&e->task)) {
		r = encode_piece(e, worker, &err);
		if (r < 0)
			ztask_fail(&e->task, r, &err);
	}
}

static unsigned wanted_threads(const struct encoder *e, uint64_t pieces)
{
	return (unsigned)INT_MIN_OF((uint64_t)e->threads, INT_MAX_OF(pieces, (uint64_t)1));
}

/* Threads are worth their start from the second piece on. */
static int start_threads(struct encoder *e, struct sherd_error *err)
{
	unsigned threads = wanted_threads(e, zintake_pieces(&e->intake));
	int r = add_desks(e, threads, err);

	if (r || threads == 1)
		return r;
	return sherd_workers_new(threads, &e->workers, err);
}

static int encode_all(struct encoder *e, struct sherd_error *err)
{
	int r = add_desks(e, 1, err);

	if (r)
		return r;
	/* Whether a stream has more than one piece is known only after the first. */
	if (e->intake.stream && ztask_goes_on(&e->task)) {
		r = encode_piece(e, 0, err);
		if (r < 0)
			return r;
	}
	if (ztask_goes_on(&e->task)) {
		r = start_threads(e, err);
		if (r)
			return r;
		workers_run(e->workers, encode_job, e, sherd_workers_count(e->workers));
	}
	r = ztask_result(&e->task, err);
	return r ? r : zintake_finish(&e->intake, err);
}

static int write_headers(struct encoder *e, struct sherd_error *err)
{
	const struct sherd_zfec_encode_options *o = e->options;
	struct sherd_zfec_header header = {
		.k = o->k,
		.m = o->m,
		.pad = (unsigned)((o->k - e->intake.size % o->k) % o->k),
	};

	for (; header.share < o->m; header.share++) {
		const struct newfile *f = &e->shares[header.share];
		uint8_t bytes[SHERD_ZFEC_HEADER_MAX];
		size_t size;
		int r = sherd_zfec_header_write(&header, bytes, &size, err);

		if (r)
			return r;
		assert(size == e->header_size);
		if (env_pwrite(e->env, f->fd, bytes, size, 0) != 0)
			return err_system(err, errno, "cannot write '%s'", f->path);
	}
	return 0;
}

static int open_share(struct encoder *e, unsigned share, struct sherd_error *err)
{
	const struct sherd_zfec_encode_options *o = e->options;
	size_t size = sherd_zfec_share_name(o, share, NULL, 0) + 1;
	CLEANUP(mem_free_at) char *path = mem_array(size, 1);
	struct newfile *f = &e->shares[share];
	int r;

	if (!path)
		return err_nomem(err);
	sherd_zfec_share_name(o, share, path, size);
	r = newfile_open(f, e->env, path, o->overwrite, err);
	if (r)
		return r;
	e->opened++;
	if (o->overwrite && newfile_would_replace(f, &e->intake.before))
		return err_set(
			err, SHERD_INVALID, "share file '%s' would replace its own input", f->path);
	return 0;
}

/* All before any work, so that what cannot be written is known at once. */
static int open_shares(struct encoder *e, struct sherd_error *err)
{
	e->shares = mem_array(e->options->m, sizeof(*e->shares));
	if (!e->shares)
		return err_nomem(err);
	for (unsigned share = 0; share < e->options->m; share++) {
		int r = open_share(e, share, err);

		if (r)
			return r;
	}
	return 0;
}

static int prepare(struct encoder *e, int fd, const char *name, struct sherd_error *err)
{
	const struct sherd_zfec_encode_options *o = e->options;
	int r = zintake_open(&e->intake, &e->task, fd, name, o->k, e->segments, err);

	if (r)
		return r;
	e->task.total = e->intake.size;
	r = sherd_fec_new(o->k, o->m, NULL, &e->code, err);
	if (r)
		return r;
	r = sherd_fec_plan_encode(e->code, &e->plan, err);
	if (r)
		return r;
	e->desks = mem_array(wanted_threads(e, UINT64_MAX), sizeof(*e->desks));
	return e->desks ? open_shares(e, err) : err_nomem(err);
}

static int encode_steps(
	struct encoder *e, int fd, const char *name, uint64_t *ret_size, struct sherd_error *err)
{
	const struct sherd_zfec_encode_options *o = e->options;
	int r = prepare(e, fd, name, err);

	if (r)
		return r;
	r = encode_all(e, err);
	if (r)
		return r;
	r = write_headers(e, err);
	if (r)
		return r;
	r = newset_commit(e->shares, o->m, !o->no_sync, err);
	if (!r && ret_size)
		*ret_size = e->intake.size;
	return r;
}

static void encoder_release(struct encoder *e)
{
	sherd_workers_free(e->workers);
	for (unsigned i = 0; i < e->desk_count; i++)
		desk_release(&e->desks[i]);
	mem_free(e->desks);
	zintake_release(&e->intake);
	newset_release(e->shares, e->opened);
	mem_free(e->shares);
	sherd_fec_plan_free(e->plan);
	sherd_fec_free(e->code);
	ztask_release(&e->task);
}

int sherd_zfec_encode(int fd, const char *name, const struct sherd_zfec_encode_options *options,
	uint64_t *ret_size, struct sherd_error *err)
{
	struct encoder e = {.options = options};
	int r;

	if (fd < 0 || !name || !options)
		return err_set(err, SHERD_INVALID, "no file to encode, or no options");
	e.header_size = sherd_zfec_header_size(options->k, options->m);
	if (!e.header_size)
		return err_set(err, SHERD_INVALID, "no code makes %u shares of which %u suffice",
			options->m, options->k);
	r = workers_wanted(options->threads, &e.threads, err);
	if (r)
		return r;
	e.env = env_or_system(options->env);
	e.segments = zlayout_segments(options->m);
	ztask_init(&e.task, e.env, options->progress, options->cancel);
	r = encode_steps(&e, fd, name, ret_size, err);
	encoder_release(&e);
	return r;
}
